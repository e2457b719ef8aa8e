#!/usr/bin/env python3
"""Runs a task and follows it to its end without polling: run_task.py JOB [NAME=JSON …]

From the environment: HOURGLASS_URL (http://127.0.0.1:8765), HOURGLASS_USER (admin), HOURGLASS_PASSWORD, and
HOURGLASS_PATIENCE: for how many seconds (300) a service that cannot be reached is waited for.
Exit code: 0 Finished, 1 Exception, 2 Aborted, 3 refused, or given up.
"""

import base64
import json
import os
import sys
import time
import urllib.request
import uuid
from http.client import HTTPException
from urllib.error import HTTPError

EXIT_CODES = {"Finished": 0, "Exception": 1, "Aborted": 2}
GIVEN_UP = 3
PAUSE_SECONDS = 1
# What a service that stops says, or a proxy in front of one that is away.
AWAY = (502, 503, 504)
LONGEST_REASON = 300
LONGEST_ANSWER = 100_000


class GivenUp(Exception):
    """Nothing more can be done; the message says why."""


class Away(Exception):
    """The service cannot answer at the moment."""


class Service:
    """Hourglass by REST. What cannot be reached, or is shutting down, is asked again until it is back."""

    def __init__(self, environment):
        credentials = f"{environment.get('HOURGLASS_USER', 'admin')}:{environment.get('HOURGLASS_PASSWORD', '')}"
        self._api = environment.get("HOURGLASS_URL", "http://127.0.0.1:8765").rstrip("/") + "/openattic/api"
        authorization = "Basic " + base64.b64encode(credentials.encode()).decode()
        self._headers = {"Authorization": authorization, "Content-Type": "application/json"}
        self._patience_seconds = float(environment.get("HOURGLASS_PATIENCE", "300"))

    def call(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._api}/{path}", data, {**self._headers, **headers}, method=method)
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            try:
                return self._answer(request)
            except (OSError, HTTPException, Away) as error:
                reason = str(error)[:LONGEST_REASON]
            if time.monotonic() >= give_up_at:
                raise GivenUp(f"{self._api} does not answer: {reason}")
            say(f"Waiting for the service: {reason}", sys.stderr)
            time.sleep(PAUSE_SECONDS)

    @staticmethod
    def _answer(request):
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)
        except HTTPError as error:
            reason = error.read(LONGEST_ANSWER).decode(errors="replace")
            if error.code in AWAY:
                raise Away(f"{error.code} {error.reason}: {reason}") from error
            raise GivenUp(reason) from error


def say(text, stream=sys.stdout):
    """One line, in which nothing steers the terminal: what it says may come from anybody."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    print(shown, file=stream, flush=True)


def follow(service, task):
    """The status with which the task ended, and its outcome."""
    task_id, status, since, shown = task["id"], task["status"], task["revision"], ""
    while status not in EXIT_CODES:
        changes = service.call("GET", f"taskqueue/changes?since={since}&wait=60")
        if changes["type"] == "resync":  # away for too long: look at the task itself
            changes |= {"transitions": [], "tasks": [service.call("GET", f"taskqueue/{task_id}")]}
        elif changes["revision"] == since:
            time.sleep(PAUSE_SECONDS)  # nothing came: a service that stops answers at once
        since = changes["revision"]
        for task in (one for one in changes["tasks"] if one["id"] == task_id):
            status, line = task["status"], f"{task['percent']:3}% {task['message']}"
            if line != shown:
                say(shown := line)
        for move in (one for one in changes["transitions"] if one["task"] == task_id):
            status = move["to"]  # told even where the task has been deleted since
    return status, task["outcome"]


def main(arguments, environment):
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        job, *given = arguments
        params = {name: json.loads(value) for name, value in (one.split("=", 1) for one in given)}
        service = Service(environment)
    except ValueError as error:
        print(__doc__, file=sys.stderr)
        say(f"Expected JOB and NAME=JSON, e.g. times=5 or 'pool=\"rbd\"': {error}", sys.stderr)
        return GIVEN_UP
    try:  # however often the request has to be sent, the key makes it one task
        key = {"Idempotency-Key": str(uuid.uuid4())}
        task = service.call("POST", "taskqueue", {"job": job, "params": params}, **key)
        say(f"Task {task['id']}: {task['description']}")
        status, outcome = follow(service, task)
    except (GivenUp, ValueError) as error:
        say(str(error), sys.stderr)
        return GIVEN_UP
    say(outcome or status)
    return EXIT_CODES[status]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
