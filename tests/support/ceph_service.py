"""The real server on clusters, and a client that holds each answer about Ceph against the description of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.described import Described
from tests.support.service import Answer, Client

SECONDS = {"connect_timeout_seconds": 2, "mon_timeout_seconds": 2, "osd_timeout_seconds": 3}
"""So long the server of a test waits for its clusters, unless the test says something else."""


QUICK = ("pool_pgs.round_seconds=0.3", "pool_create.round_seconds=0.3")
"""So that tasks look often."""


def options_for(clusters: Mapping[str, Path | str], workers: int = 2, **settings: object) -> Iterator[str]:
    """The command line that names clusters by their conf files: `options_for({"main": conf}, client="reader")`."""
    for words in (f"workers.count={workers}", *QUICK):
        yield from ("--set", words)
    for name, conf in clusters.items():
        for key, value in {"conf": conf, **SECONDS, **settings}.items():
            yield from ("--set", f'ceph "{name}".{key}={value}')


def has_librados(pid: int) -> bool:
    return "librados" in Path(f"/proc/{pid}/maps").read_text()


class Checked(Client):
    """A client whose answers are all as they are described."""

    described: Described | None = None

    async def call(self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Answer:
        answer = await super().call(method, path, body, raw, **headers)
        if path.startswith("ceph") and method != "HEAD":
            (await self.description()).check(method, path, answer)
        return answer

    async def description(self) -> Described:
        if self.described is None:
            self.described = Described(await Client(self.service).get("openapi.json"))
        return self.described

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The problem that the answer is."""
        answer = await self.call(method, path, body, **headers)
        assert answer.kind == "application/problem+json", answer.body
        assert answer.json["status"] == answer.status
        return answer.json

    async def task_of(self, answer: Answer) -> Any:
        """The task that an answer names."""
        return await self.get(answer.headers["Taskqueue-Location"].removeprefix("/openattic/api/"))

    async def abort(self, task_id: int) -> Any:
        answer = await self.call("DELETE", f"taskqueue/{task_id}?if_status=pending")
        assert answer.status == 200, answer.body
        return answer.json

    async def readers(self) -> list[int]:
        """The processes that read clusters: those that the server has spawned and that are no workers."""
        workers = [worker["pid"] for worker in (await self.get("workers"))["results"]]
        return [pid for pid in self.service.workers() if pid not in workers]

    async def cluster(self, name: str = "main") -> Any:
        return next(one for one in (await self.get("ceph"))["results"] if one["name"] == name)

    async def pool(self, fsid: str, name: str) -> Any:
        return next(pool for pool in (await self.get(f"ceph/{fsid}/pools"))["results"] if pool["name"] == name)

    async def until(self, holds: Any, ask: Any) -> Any:
        """What is answered once it is so. For what happens in a cluster: nothing tells of that."""
        while True:
            found = await ask()
            if holds(found):
                return found
            await asyncio.sleep(0.1)
