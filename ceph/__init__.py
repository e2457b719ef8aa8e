"""Ceph clusters, for jobs and handlers: connections with time limits, readable errors, the progress of pools, images.

`rados` and `rbd` come from the distribution. They are imported where a handle is made, never in the server process.
"""
