"""Ceph clusters, as jobs and handlers need them: handles with time limits, errors in words, what a pool is doing.

`rados` and `rbd` come from the distribution and are imported where a handle is made, never in the server process.
"""
