"""Where tasks and accounts are stored: each store is a folder or module that fulfils `jobs/store.py`."""
