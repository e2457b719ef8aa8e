"""RBD images: lists them, opens them, and measures what they do."""
