"""The engines that run tasks: each a folder that fulfils the contract in `jobs/engine.py`."""
