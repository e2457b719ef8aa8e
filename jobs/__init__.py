"""What runs, when, and where: jobs, the queue of tasks, and the engines that run them.

Modules with jobs import from here: `from jobs import Round, job`.
"""

from jobs.definition.choices import Choice
from jobs.definition.registry import Job, Locks, Pause, Provided, Registry, Round, Rounds, job
from jobs.definition.steps import Step, Steps

__all__ = ["Choice", "Job", "Locks", "Pause", "Provided", "Registry", "Round", "Rounds", "Step", "Steps", "job"]
