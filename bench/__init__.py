"""Measures ratios against a limit in the same run; absolute figures drift with the machine. `make bench` runs it."""
