"""RBD images: lists them, opens them, and measures their performance."""
