"""The process that reads a cluster for the server's views, and the server's side of it."""
