"""Kept for job modules written for earlier versions. New ones import from `jobs`: `from jobs import Choice`."""

from jobs.definition.choices import Choice

__all__ = ["Choice"]
