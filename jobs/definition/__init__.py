"""What a job is and how one is declared. Imported by the server and by every worker."""
