"""The commands of `server.py` besides serving."""
