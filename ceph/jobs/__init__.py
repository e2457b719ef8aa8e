"""Jobs on Ceph clusters, and what they share."""
