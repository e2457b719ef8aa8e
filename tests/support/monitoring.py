"""What watches a service from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.support.service import Answer, Client, Service

NOBODY: dict[str, str] = {}


async def ask(
    service: Service, path: str, method: str = "GET", headers: dict[str, str] | None = None, follow: bool = True
) -> Answer:
    """The answer at any address of the service, as nobody unless the headers say otherwise."""
    request = HTTPRequest(f"{service.base}{path}", method=method, headers=headers or NOBODY, follow_redirects=follow)
    return Answer(await AsyncHTTPClient().fetch(request, raise_error=False))


async def ask_until(service: Service, path: str, holds: Callable[[Answer], Any]) -> Answer:
    """The first answer for which it holds; nothing tells when that is."""
    while not holds(answer := await ask(service, path)):  # noqa: ASYNC110 - another process cannot set an event of ours
        await asyncio.sleep(0.02)
    return answer


class Samples:
    """One scrape, read with the parser of prometheus_client."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        samples = [sample for family in self.families for sample in family.samples]
        self.values = {(one.name, *sorted(one.labels.values())): one.value for one in samples}

    def of(self, name: str, *labels: str) -> float | None:
        """The value with these values of labels, in any order."""
        return self.values.get((f"hourglass_{name}", *sorted(labels)))


async def scrape(client: Client) -> Samples:
    answer = await ask(client.service, "/metrics", headers=client.headers)
    assert answer.status == 200, answer.body
    return Samples(answer.body.decode())
