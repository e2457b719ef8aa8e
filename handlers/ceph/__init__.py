"""Clusters, pools and images by REST."""
