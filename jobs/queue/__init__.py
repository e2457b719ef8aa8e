"""Takes tasks in, gives them to the engine, and is the only writer of their state."""
