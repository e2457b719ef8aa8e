"""Sends what has changed to those who watch."""
