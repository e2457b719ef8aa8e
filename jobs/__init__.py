"""What runs, when, and where: jobs, the queue of tasks, and the engines that run them.

Modules with jobs import from here: `from jobs import Round, job`.
"""

from jobs.definition.choices import Choice
from jobs.definition.declaration import job
from jobs.definition.job import Job, Locks, Resource
from jobs.definition.registry import Registry
from jobs.definition.rounds import Pause, Round, Rounds
from jobs.definition.steps import Step, Steps

Provided = Resource
"""Its former name."""

__all__ = [
    "Choice",
    "Job",
    "Locks",
    "Pause",
    "Provided",
    "Registry",
    "Resource",
    "Round",
    "Rounds",
    "Step",
    "Steps",
    "job",
]
