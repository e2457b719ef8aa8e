"""Kept for job modules written for earlier versions. New ones import from `jobs`: `from jobs import Steps`."""

from jobs.definition.steps import Step, Steps

__all__ = ["Step", "Steps"]
