"""The single page, and the files that it is made of."""

from __future__ import annotations

from tornado.web import RedirectHandler, StaticFileHandler

from handlers.base import IdentifiedHandler, ServiceHandler

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


class PageHandler(ServiceHandler):
    """The page. It is told who is signed in, so that it need not ask."""

    async def get(self) -> None:
        identity = self.session_identity()
        self.set_header("Content-Security-Policy", POLICY)
        self.render(
            "index.html",
            user=identity.name if identity else "",
            role=identity.role if identity else "",
            version=self.services.version,
        )

    async def head(self) -> None:
        await self.get()


class ToPageHandler(IdentifiedHandler, RedirectHandler):
    """Leads to the page."""


class FileHandler(IdentifiedHandler, StaticFileHandler):
    """Files of the page: a browser asks each time whether they are new, since imported modules bear no version."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.clear_header("Server")
