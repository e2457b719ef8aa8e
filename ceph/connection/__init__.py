"""Connects to a cluster and asks it: each call with a time limit, each failure in words."""
