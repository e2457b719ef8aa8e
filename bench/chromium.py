"""A fresh, signed-in tab of Chromium, and the measurements that Chromium itself reports."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from bench.peer import PeerMissing
from bench.service import API, PASSWORD, Service

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
WIDE, HIGH = 1280, 800
COLLECTIONS = 3
COLLECT_EACH_SECONDS = 0.5
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Held:
    """Bytes of the scripts' objects, and nodes of all documents."""

    script_bytes: float
    nodes: float


@dataclass(frozen=True)
class Tab:
    """A page, and the wire to the tools of its browser."""

    page: Page
    devtools: CDPSession

    async def answer(self, promise: str) -> float:
        """Returns the page's answer; playwright would wait for ever."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            found: float = await self.page.evaluate(promise)
        return found

    async def held(self) -> Held:
        """Returns what is still in use: one collection leaves some of what is not, so that the lowest of several
        counts."""
        seen = [await self._held() for _ in range(COLLECTIONS)]
        return Held(min(one.script_bytes for one in seen), min(one.nodes for one in seen))

    async def _held(self) -> Held:
        await asyncio.sleep(COLLECT_EACH_SECONDS)
        await self.devtools.send("HeapProfiler.collectGarbage")
        metrics = (await self.devtools.send("Performance.getMetrics"))["metrics"]
        values = {one["name"]: one["value"] for one in metrics}
        return Held(values["JSHeapUsedSize"], values["Nodes"])


def executable() -> str:
    """Returns the path of Debian's Chromium or a substitute. Raises PeerMissing if there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise PeerMissing("expected Chromium, got none; as root run: apt-get install chromium")
    return path


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Raises PeerMissing where there is no Chromium: `tools/setup bench` installs it."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def tab(chromium: Browser, service: Service, script: str) -> AsyncIterator[Tab]:
    """Opens a tab with an empty cache, in which `script` runs before everything of the page."""
    context = await chromium.new_context(viewport={"width": WIDE, "height": HIGH})
    given = {"username": "admin", "password": PASSWORD}
    answer = await context.request.post(f"http://{service.program.place}{API}/auth", data=given)
    if not answer.ok:
        raise RuntimeError(f"expected to be signed in, got {answer.status} {await answer.text()}")
    page = await context.new_page()
    await page.add_init_script(script)
    devtools = await context.new_cdp_session(page)
    for domain in ("Network", "Performance", "HeapProfiler"):
        await devtools.send(f"{domain}.enable")
    yield Tab(page, devtools)
    await context.close()
