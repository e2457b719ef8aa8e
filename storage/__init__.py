"""Stores: each folder opens a `Stores` (stores.py) on a database of its own kind; memory.py is for tests."""
