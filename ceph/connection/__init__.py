"""Connects to a cluster and asks it: each call has a time limit, each failure a readable message."""
