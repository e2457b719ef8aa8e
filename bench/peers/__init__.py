"""The peers' side: what runs in `.venv-peers`, apart from our own packages."""
