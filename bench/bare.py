"""The limit: a Tornado server that accepts JSON by POST, responds with JSON, and does nothing else. Prints its port."""

from __future__ import annotations

import asyncio
import json

import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Echo(RequestHandler):
    def post(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(json.loads(self.request.body)))


async def serve() -> None:
    server = HTTPServer(Application([(r"/.*", Echo)], log_function=lambda handler: None))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
