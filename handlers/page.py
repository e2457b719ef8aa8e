"""The single page, and what pages have in common."""

from __future__ import annotations

from typing import Any

from tornado.web import RedirectHandler

from handlers.base import IdentifiedHandler, ServiceHandler
from handlers.compression import compressed, takes_gzip

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
    """A page under the policy, compressed where the browser takes it so."""

    def send_page(self, template: str, **names: Any) -> None:
        """Answers with a template that is filled in."""
        page = self.render_string(template, **names)
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Vary", "Accept-Encoding")
        if takes_gzip(self.request):
            self.set_header("Content-Encoding", "gzip")
            page = compressed(page)
        self.finish(page)


class PageHandler(HtmlHandler):
    """The page. It is told who is signed in, so that it need not ask."""

    async def get(self) -> None:
        identity = self.session_identity()
        self.send_page(
            "index.html",
            user=identity.name if identity else "",
            role=identity.role if identity else "",
            version=self.services.version,
        )

    async def head(self) -> None:
        await self.get()


class ToPageHandler(IdentifiedHandler, RedirectHandler):
    """Leads to the page."""
