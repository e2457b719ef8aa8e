"""Opens every view of the page in Chromium, with fixed times, and keeps pictures and what a screen reader is told."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, WebSocketRoute

from tools.compare.page_views import View
from tools.compare.serving import PASSWORD, Server
from tools.compare.shown import NOW, shown

SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
THEMES = ("light", "dark")
PATIENCE_MILLISECONDS = 30_000
LOADED_SECONDS = 0.5
DRAWN_SECONDS = 0.15
ANSWERS = re.compile(r"/openattic/(api/|health)")
DOCS = re.compile(r"/openattic/docs/")
STYLES = re.compile(r"/openattic/static/css/page\.css")
STILL = """
*, *::before, *::after, ::-webkit-progress-bar, ::-webkit-progress-value, ::backdrop {
  animation: none !important;
  transition: none !important;
}
"""
"""Playwright ends animations for a picture, but not those inside of a progress bar."""
OF_BODY = ("content-length", "content-encoding")
PLACE = "127.0.0.1:8765"
EVENTS = re.compile(r"/taskqueue/events")
WATCH_CHANGES = """
  window.lastChange = performance.now();
  new MutationObserver(() => (window.lastChange = performance.now()))
    .observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""


class Visitor:
    """Looks at views of a server and saves what is seen in a folder."""

    def __init__(self, browser: Browser, server: Server, folder: Path, only: Sequence[str] = ()) -> None:
        """Looks at all views that it is shown, or at those that `only` names."""
        self.browser = browser
        self.server = server
        self.folder = folder
        self.only = only
        self.storage: dict[str, Any] = {}
        self.asked = 0
        self.answered = 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def visit(self, views: Iterable[View]) -> list[str]:
        """Returns the views that could not be shown, and why."""
        failed = []
        for view in [view for view in views if not self.only or view.name in self.only]:
            try:
                self._record(view)
            except (Error, RuntimeError, TimeoutError) as error:
                failed.append(f"{view.name}: {str(error).splitlines()[0]}")
        return failed

    def _record(self, view: View) -> None:
        with self._context(view.user) as context:
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MILLISECONDS)
            said: list[str] = []
            page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: said.append(f"error: {error}"))
            page.clock.set_fixed_time(NOW)
            page.add_init_script(WATCH_CHANGES)
            page.goto(f"http://{self.server.place}{view.path}{'?' if view.query else ''}{view.query}")
            self._rest(page, LOADED_SECONDS)
            view.prepare(page)
            self._rest(page, LOADED_SECONDS)
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                self._rest(page, DRAWN_SECONDS)
                self._save_words(page, f"{view.name}-{size}", said)
                for theme in THEMES:
                    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
                    self._rest(page, DRAWN_SECONDS)
                    path = self.folder / "pictures" / f"{view.name}-{size}-{theme}.png"
                    page.screenshot(path=path, full_page=True, animations="disabled")

    @contextmanager
    def _context(self, user: str) -> Iterator[BrowserContext]:
        width, height = SIZES["wide"]
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            color_scheme="light",
            locale="en-GB",
            timezone_id="Europe/Berlin",
            storage_state=self._signed_in(user),
        )
        context.route(ANSWERS, self._answer)
        context.route(STYLES, _without_motion)
        context.route(DOCS, self._without_port)
        context.route_web_socket(EVENTS, _events)
        yield context
        context.unroute_all(behavior="ignoreErrors")
        context.close()

    def _signed_in(self, user: str) -> Any:
        """Returns the cookie of a user, who signs in once: a password takes long to check."""
        if user and user not in self.storage:
            context = self.browser.new_context()
            given = {"username": user, "password": PASSWORD}
            answer = context.request.post(f"http://{self.server.place}/openattic/api/auth", data=given)
            if not answer.ok:
                raise RuntimeError(f"expected that {user} can sign in, got {answer.status}")
            self.storage[user] = context.storage_state()
            context.close()
        return self.storage.get(user)

    def _answer(self, route: Route) -> None:
        """Passes on what the server answers, with fixed times."""
        self.asked += 1
        try:
            answer = route.fetch(timeout=PATIENCE_MILLISECONDS)
            headers = {**answer.headers, "date": NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")}
            if not headers.get("content-type", "").partition(";")[0].endswith("json"):
                route.fulfill(response=answer, headers=headers)
                return
            headers.pop("content-encoding", None)
            headers.pop("content-length", None)
            route.fulfill(status=answer.status, headers=headers, body=json.dumps(shown(answer.json())))
        except Error:
            return  # the page was closed meanwhile
        finally:
            self.asked -= 1
            self.answered = time.monotonic()

    def _without_port(self, route: Route) -> None:
        """The examples of the API's page have the address of the server."""
        _pass_on(route, lambda page: page.replace(self.server.place, PLACE))

    def _rest(self, page: Page, quiet_seconds: float) -> None:
        """Waits until the page has been the same for a while, and waits for no answer."""
        deadline = time.monotonic() + PATIENCE_MILLISECONDS / 1000
        page.evaluate("document.fonts.ready")
        while time.monotonic() < deadline:
            is_quiet = page.evaluate("performance.now() - window.lastChange") > quiet_seconds * 1000
            if is_quiet and self.asked == 0 and time.monotonic() - self.answered > quiet_seconds:
                return
            page.wait_for_timeout(50)
        raise TimeoutError("the page never came to rest")

    def _save_words(self, page: Page, name: str, said: list[str]) -> None:
        address = page.url.removeprefix(f"http://{self.server.place}")
        told = [f"# {address}", f"# {page.title()}", *(f"# {line}" for line in said)]
        place = self.folder / "accessibility" / f"{name}.yaml"
        place.parent.mkdir(exist_ok=True)
        words = page.locator("body").aria_snapshot().replace(self.server.place, "<place>")
        place.write_text("\n".join([*told, words, ""]).replace(self.server.place, "<place>"))


def _without_motion(route: Route) -> None:
    _pass_on(route, lambda styles: styles + STILL)


def _pass_on(route: Route, changed: Callable[[str], str]) -> None:
    try:
        answer = route.fetch(timeout=PATIENCE_MILLISECONDS)
        headers = {name: value for name, value in answer.headers.items() if name not in OF_BODY}
        route.fulfill(status=answer.status, headers=headers, body=changed(answer.text()))
    except Error:
        return  # the page was closed meanwhile


def _events(socket: WebSocketRoute) -> None:
    """Passes frames on, with fixed times."""
    server: Any = socket.connect_to_server()

    def on_message(message: str | bytes) -> None:
        socket.send(json.dumps(shown(json.loads(message))))

    server.on_message(on_message)
