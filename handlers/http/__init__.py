"""What all calls share: reading requests, limits, problems, paging, and the HTTP server itself."""
