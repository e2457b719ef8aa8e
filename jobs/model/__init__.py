"""What a task is, and what may become of it. Pure: no I/O, and the time is an argument."""
