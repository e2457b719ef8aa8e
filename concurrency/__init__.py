"""Helpers for asyncio that know nothing of tasks."""
