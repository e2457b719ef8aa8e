"""HTTP and WebSocket: translates, decides nothing."""
