"""Kept for job modules written for earlier versions. New ones import from `jobs`: `from jobs import Round, job`."""

from jobs import Job, Locks, Pause, Provided, Registry, Round, Rounds, job

__all__ = ["Job", "Locks", "Pause", "Provided", "Registry", "Round", "Rounds", "job"]
