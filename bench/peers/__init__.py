"""Code of the peers: it runs in `.venv-peers`, separate from our own packages."""
