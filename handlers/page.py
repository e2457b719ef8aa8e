"""The page, and what all HTML pages share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from tornado.web import RedirectHandler

from handlers.http.base import IdentifiedHandler
from handlers.http.compression import compressed, takes_gzip
from handlers.http.service import ServiceHandler
from handlers.services import Services

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class HtmlHandler(ServiceHandler):
    """A page with the Content-Security-Policy, compressed if the browser accepts that."""

    content_type = "text/html; charset=UTF-8"

    def send_page(self, template: str, **names: Any) -> None:
        """Sends a filled-in template."""
        self.finish(self._page(template, **names))

    async def answer_page(self, template: str, names: Callable[[], Mapping[str, Any]]) -> None:
        """Sends a page that is large, or slow to fill in: it waits for its turn."""

        async def make() -> bytes:
            await asyncio.sleep(0)  # others are served in between
            return self._page(template, **names())

        await self.answer_in_turn(make, 200, self.services.limits.building[type(self)].turn)

    def _send_packed(self, body: bytes, status: int) -> None:
        """Sends the page in one piece, so that Tornado adds an ETag and answers 304 if it is unchanged."""
        self.set_status(status)
        self.set_header("Content-Type", self.content_type)
        self.finish(body)

    def _page(self, template: str, **names: Any) -> bytes:
        page = self.render_string(template, **names)
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Vary", "Accept-Encoding")
        if not takes_gzip(self.request):
            return page
        self.set_header("Content-Encoding", "gzip")
        return compressed(page)


class PageHandler(HtmlHandler):
    """The page, which contains who is signed in, so that it need not ask."""

    def initialize(self, services: Services, modules: Callable[[], str]) -> None:  # type: ignore[override]
        """Takes the version of its modules as well."""
        super().initialize(services)
        self._modules = modules

    async def get(self) -> None:
        identity = self.session_identity()
        self.send_page(
            "index.html",
            user=identity.name if identity else "",
            role=identity.role if identity else "",
            version=self.services.version,
            modules=self._modules(),
        )

    async def head(self) -> None:
        await self.get()


class ToPageHandler(IdentifiedHandler, RedirectHandler):
    """Redirects to the page."""
