"""The table of URLs."""

from __future__ import annotations

import re
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from tornado.httputil import HTTPServerRequest, ParseBodyConfig, ParseUrlEncodedConfig, set_parse_body_config
from tornado.web import Application

from handlers.auth import AuthHandler, TokenHandler
from handlers.ceph.changes import ClusterChangesHandler, FollowHandler
from handlers.ceph.images import ImagesHandler, PerformanceHandler
from handlers.ceph.pools import ClustersHandler, PoolHandler, PoolListHandler
from handlers.choices import ChoicesHandler
from handlers.docs.openapi import OpenApiHandler, describe
from handlers.docs.page import DocsHandler
from handlers.files import CompressedFileHandler, FileHandler, FolderVersion, file_routes, module_routes
from handlers.http.access_log import AccessLog
from handlers.http.api import API
from handlers.http.operation import Schema
from handlers.http.proxies import NOBODY, Proxies
from handlers.http.service import NotFoundHandler
from handlers.live import ChangesHandler, EventsHandler
from handlers.monitoring import HealthHandler, MetricsHandler, ReadyHandler
from handlers.page import PageHandler, ToPageHandler
from handlers.services import Services
from handlers.styles import CompressedStylesHandler, StylesHandler, style_routes
from handlers.system import JobsHandler, RetentionHandler, StatisticsHandler, WorkersHandler
from handlers.tasks import (
    DeleteHandler,
    InterruptionsHandler,
    RetryHandler,
    RoundsHandler,
    TaskHandler,
    TaskListHandler,
    TestTaskHandler,
)

ROOT = Path(__file__).parents[1]

VENDOR_FOLDERS = {
    "bootstrap": "bootstrap/dist",
    "bootstrap-icons": "bootstrap-icons/icons",
    "lit-html": "lit-html",
    "uplot": "uplot/dist",
}
"""The files of other projects that the page uses; nothing else of node_modules is served."""

STYLE_FOLDERS = {
    "/openattic/static/css/": ROOT / "static" / "css",
    "/openattic/vendor/bootstrap/css/": ROOT / "node_modules" / VENDOR_FOLDERS["bootstrap"] / "css",
}
"""The folders of the stylesheets that those of the page import, by their addresses."""

FILE_HANDLERS = (FileHandler, CompressedFileHandler, StylesHandler, CompressedStylesHandler)

FSID = r"([\w-]+)"
"""The pattern of a cluster's id; the handler checks whether the cluster exists."""

API_ROUTES: list[tuple[str, type]] = [
    ("taskqueue", TaskListHandler),
    ("taskqueue/test_task", TestTaskHandler),
    ("taskqueue/delete", DeleteHandler),
    ("taskqueue/changes", ChangesHandler),
    ("taskqueue/events", EventsHandler),
    (r"taskqueue/(\d+)", TaskHandler),
    (r"taskqueue/(\d+)/retry", RetryHandler),
    (r"taskqueue/(\d+)/rounds", RoundsHandler),
    (r"taskqueue/(\d+)/interruptions", InterruptionsHandler),
    ("ceph", ClustersHandler),
    (rf"ceph/{FSID}/pools", PoolListHandler),
    (rf"ceph/{FSID}/pools/(\d+)", PoolHandler),
    (rf"ceph/{FSID}/pools/(\d+)/follow", FollowHandler),
    (rf"ceph/{FSID}/changes", ClusterChangesHandler),
    (rf"ceph/{FSID}/rbds", ImagesHandler),
    (rf"ceph/{FSID}/rbds/performance", PerformanceHandler),
    ("jobs", JobsHandler),
    ("jobs/choices", ChoicesHandler),
    ("workers", WorkersHandler),
    ("statistics", StatisticsHandler),
    ("retention", RetentionHandler),
    ("openapi.json", OpenApiHandler),
    ("auth", AuthHandler),
    ("api-token-auth", TokenHandler),
]


MONITORING_ROUTES: list[tuple[str, type]] = [
    ("health", HealthHandler),
    ("ready", ReadyHandler),
    ("metrics", MetricsHandler),
]
"""At the root, and under the page's address for proxies that pass nothing else on."""

MOST_ARGUMENTS = 4000
"""Tornado's own answer to more is a bare 400, and its limit of 1,000 leaves no room beside 1,000 ids."""


class ProxiedApplication(Application):
    """An application that resolves trusted proxies before anything else looks at a request."""

    def __init__(self, proxies: Proxies, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._proxies = proxies

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        self._proxies.look_behind(request)
        return super().find_handler(request, **kwargs)


def make_application(services: Services, proxies: Proxies = NOBODY) -> Application:
    """Returns the whole service as a Tornado application."""
    set_parse_body_config(ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=MOST_ARGUMENTS)))
    handed = {"services": services}
    modules = FolderVersion(ROOT / "static" / "js")
    # Made at the first request and cached: a start should not wait for it.
    described = handed | {"document": cache(partial(_document, services))}
    routes: list[Any] = [
        (rf"{API}/{path}/?", handler, described if handler is OpenApiHandler else handed)
        for path, handler in API_ROUTES
    ]
    routes += [(rf"/(?:openattic/)?{path}/?", handler, handed) for path, handler in MONITORING_ROUTES]
    routes += [
        (r"/openattic/", PageHandler, handed | {"modules": modules}),
        (r"/openattic/docs/?", DocsHandler, described),
        *style_routes("/openattic/static/css/", r"(?:page|docs)\.css", STYLE_FOLDERS),
        *module_routes("/openattic/static/js", ROOT / "static" / "js", modules),
        *file_routes("/openattic/static", ROOT / "static"),
        *chain.from_iterable(
            file_routes(f"/openattic/vendor/{name}", ROOT / "node_modules" / folder)
            for name, folder in VENDOR_FOLDERS.items()
        ),
        (r"/(?:openattic)?", ToPageHandler, {"url": "/openattic/", "permanent": False}),
    ]
    return ProxiedApplication(
        proxies,
        routes,
        default_handler_class=NotFoundHandler,
        default_handler_args=handed,
        template_path=ROOT / "templates",
        cross_origin_protection=True,
        websocket_max_message_size=1024 * 1024,
        log_function=AccessLog(services.answers, _templates()),
    )


def _document(services: Services) -> Schema:
    return describe(API_ROUTES, services.registry, services.version, services.accounts.cookie_name)


def _templates() -> dict[type, str]:
    """Returns the name of each handler's address in metrics; the first if there are several."""
    of_page = {PageHandler: "/openattic/", ToPageHandler: "/"}
    of_files = dict.fromkeys(FILE_HANDLERS, "/openattic/static")
    of_api = {handler: f"{API}/{re.sub(r'[(].*?[)]', 'ID', path)}" for path, handler in reversed(API_ROUTES)}
    return of_page | of_files | of_api | {handler: f"/{path}" for path, handler in MONITORING_ROUTES}
