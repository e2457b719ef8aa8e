"""Child processes of the server, and whole messages to and from them. Knows nothing of tasks."""
