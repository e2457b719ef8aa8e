"""The engine of this machine: a pool of worker processes."""
