"""What a connection may cost: times, places and memory, with a server in the test's own loop and short times."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace

import pytest
from tornado.httputil import HTTPHeaders, HTTPInputError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body

from handlers.docs.page import DocsHandler
from handlers.files import CompressedFileHandler, FileHandler
from handlers.http.base import IdentifiedHandler
from handlers.http.gate import Gate, Times
from handlers.http.http1 import body_length
from handlers.http.limits import MEGABYTE, ClientLimits, most_connections
from handlers.http.overflow import Overflow
from handlers.http.server import Server
from handlers.http.service import NotFoundHandler
from handlers.page import PageHandler, ToPageHandler
from handlers.routes import API_ROUTES, MONITORING_ROUTES
from handlers.settings import LimitSettings

LARGE = bytes(range(256)) * 80_000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
LONG = Times(header=60, idle=60, body=60, answer=60, look=60, linger=60)
SOON = 0.4


@stream_request_body
class Echo(RequestHandler):
    """Answers with how much it got; refuses at once what is asked of /refuses; /large is large."""

    def prepare(self):
        self.size = 0
        if self.request.path == "/refuses":
            self.set_status(401)
            self.finish("no")

    def data_received(self, chunk):
        self.size += len(chunk)

    def get(self):
        self.finish(LARGE if self.request.path == "/large" else "hello")

    def post(self):
        self.finish(f"{self.size} bytes")


@asynccontextmanager
async def a_server(times=LONG, most=100, overflow=None):
    gate = Gate(ClientLimits.of(LimitSettings(connections=most, answers_mb=8)), times, overflow)
    server = Server.with_limits(Application([("/.*", Echo)], log_function=lambda handler: None), gate)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    server.port = sockets[0].getsockname()[1]
    server.clients = []
    try:
        yield server
    finally:
        for client in server.clients:
            client.close()
        await asyncio.gather(*(client.wait_closed() for client in server.clients), return_exceptions=True)
        server.stop()
        await server.close_all_connections()


async def connected(server, sent=b"", limit=2**16):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=limit)
    server.clients.append(writer)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def until(holds):
    while not holds():  # noqa: ASYNC110 - the server sets no event
        await asyncio.sleep(0.01)


async def answer_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head, await reader.readexactly(length)


async def until_closed(reader):
    """Everything that comes until the server closes the connection."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


def refused(server):
    return dict(server.gate.limits.refused.counts)


async def test_half_a_header_is_given_up_however_steadily_it_goes_on():
    async with a_server(replace(LONG, header=SOON)) as server:
        reader, writer = await connected(server, b"GET / HTTP/1.1\r\n")
        closed = asyncio.create_task(until_closed(reader))
        while not closed.done():
            writer.write(b"X: 1\r\n")
            await asyncio.sleep(0.02)
        assert refused(server) == {"header_seconds": 1}
        assert server.gate.open == set()


async def test_a_client_that_says_nothing_is_given_up_and_one_that_was_answered_may_pause():
    async with a_server(replace(LONG, header=SOON)) as server:
        reader, writer = await connected(server, GET)
        await answer_of(reader)
        silent, _ = await connected(server)

        assert await until_closed(silent) == b""
        writer.write(GET)
        assert (await answer_of(reader))[1] == b"hello"


async def test_a_pause_between_two_requests_ends_too():
    async with a_server(replace(LONG, idle=SOON)) as server:
        reader, _ = await connected(server, GET)
        await answer_of(reader)
        assert await until_closed(reader) == b""
        assert refused(server) == {}


async def test_a_body_may_take_as_long_as_it_likes_as_long_as_it_goes_on():
    async with a_server(replace(LONG, body=SOON)) as server:
        reader, writer = await connected(server, POST % 12)
        for _ in range(12):
            writer.write(b"x")
            await asyncio.sleep(SOON / 5)
        assert (await answer_of(reader))[1] == b"12 bytes"

        silent, _ = await connected(server, POST % 30 + b"x")
        assert await until_closed(silent) == b""
        assert refused(server) == {"body_seconds": 1}


async def unread(server):
    """A connection that has asked for the large answer and takes nothing of it yet."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", server.port))
    await loop.sock_sendall(connection, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection


async def test_an_answer_that_nobody_reads_is_given_up_and_one_that_is_read_slowly_is_not():
    loop = asyncio.get_running_loop()
    async with a_server(replace(LONG, answer=SOON, look=SOON / 6)) as server:
        with await unread(server) as silent, await unread(server) as slow:
            while refused(server) != {"answer_seconds": 1}:
                assert await loop.sock_recv(slow, 2000)
                await asyncio.sleep(SOON / 20)
            assert len(server.gate.open) == 1
            assert server.gate.limits.answers.held_bytes > 0
            for _ in range(30):
                assert await loop.sock_recv(slow, 2000)
                await asyncio.sleep(SOON / 20)
            silent.close()
        await until(lambda: not server.gate.open)
        assert server.gate.limits.answers.held_bytes == 0


async def test_an_answer_that_is_not_read_goes_to_the_disk_when_others_wait_and_arrives_whole(tmp_path):
    loop = asyncio.get_running_loop()
    overflow = Overflow(tmp_path)
    async with a_server(overflow=overflow) as server:
        answers = server.gate.limits.answers
        with await unread(server) as slow:
            await until(lambda: answers.held_bytes > MEGABYTE)
            await answers.reserve(4 * MEGABYTE, "somebody who reads")

            assert overflow.held_bytes > MEGABYTE
            answers.release(4 * MEGABYTE)
            got = bytearray()
            while not got.endswith(LARGE[-100:]) or len(got) < len(LARGE):
                got += await loop.sock_recv(slow, 1_000_000)
        assert got.partition(b"\r\n\r\n")[2] == LARGE
        await until(lambda: not server.gate.open)
        assert (overflow.held_bytes, answers.held_bytes, list(tmp_path.iterdir())) == (0, 0, [])


async def test_where_the_disk_has_no_room_whoever_waits_goes_on_to_wait(tmp_path):
    async with a_server(overflow=Overflow(tmp_path / "missing")) as server:
        answers = server.gate.limits.answers
        with await unread(server):
            await until(lambda: answers.held_bytes > MEGABYTE)
            waiting = asyncio.create_task(answers.reserve(4 * MEGABYTE, "ada"))
            await asyncio.sleep(1.3)
            assert not waiting.done()
        await waiting  # the client has gone


async def test_when_all_places_are_taken_who_has_waited_longest_for_its_header_makes_place():
    async with a_server(most=3) as server:
        waiting = []
        for _ in range(4):
            waiting.append(await connected(server, b"GET / HT"))
            await asyncio.sleep(0.01)

        assert await until_closed(waiting[0][0]) == b""
        assert [reader.at_eof() for reader, _ in waiting] == [True, False, False, False]
        waiting[3][1].write(b"TP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer_of(waiting[3][0]))[1] == b"hello"


async def test_an_unfinished_body_makes_place_if_nobody_waits_for_a_header():
    async with a_server(most=2) as server:
        first, _ = await connected(server, POST % 10 + b"x")
        second, _ = await connected(server, POST % 10 + b"x")
        await until(lambda: len(server.gate.bodies.all()) == 2)
        reader, _ = await connected(server, GET)

        assert (await answer_of(reader))[1] == b"hello"
        assert await until_closed(first) == b""
        assert not second.at_eof()


@pytest.mark.parametrize("size", [0, 100, 1_000_000])
async def test_a_refusal_before_the_body_leaves_the_connection_open(size):
    async with a_server() as server:
        reader, writer = await connected(server, (POST % size).replace(b"POST /", b"POST /refuses"))
        head, body = await answer_of(reader)
        assert (head[:12], body) == (b"HTTP/1.1 401", b"no")
        assert b"connection: close" not in head.lower()

        writer.write(b"x" * size + GET)
        assert (await answer_of(reader))[1] == b"hello"


@pytest.mark.parametrize(
    ("said", "cut_off_allowed"),
    [
        (b"Content-Length: 5000000", nullcontext()),
        (b"Transfer-Encoding: chunked", nullcontext()),
        (b"Content-Length: 5\r\nExpect: 100-continue", suppress(ConnectionError)),  # it sends more than it has said
    ],
)
async def test_a_refusal_that_closes_says_so_and_arrives_although_the_body_still_comes(said, cut_off_allowed):
    async with a_server() as server:
        reader, writer = await connected(server, b"POST /refuses HTTP/1.1\r\nHost: x\r\n" + said + b"\r\n\r\n")
        answer = asyncio.create_task(answer_of(reader))
        with cut_off_allowed:
            for _ in range(20):
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
        head, body = await answer

        assert (head[:12], body) == (b"HTTP/1.1 401", b"no")
        assert b"connection: close" in head.lower()
        writer.close()


async def test_after_a_refusal_the_rest_of_the_body_may_still_be_sent():
    """Closed at once, the connection would be reset, and with it an answer that the client has not read yet."""
    async with a_server() as server:
        reader, writer = await connected(server, (POST % 5_000_000).replace(b"POST /", b"POST /refuses"))
        head, _ = await answer_of(reader)
        for _ in range(20):
            writer.write(bytes(65536))
            await writer.drain()

        assert b"connection: close" in head.lower()
        assert await reader.read() == b""


async def test_a_handler_that_forgets_to_refuse_a_body_is_not_sent_it_without_end():
    async with a_server() as server:
        reader, writer = await connected(server, POST % 10**9)
        with suppress(ConnectionError):
            for _ in range(40):
                writer.write(bytes(1_000_000))
                await writer.drain()
        assert (await until_closed(reader))[:12] in (b"HTTP/1.1 400", b"")
        assert refused(server) == {"malformed": 1}


def test_every_handler_throws_away_a_body_that_it_does_not_expect():
    routes = [*API_ROUTES, *MONITORING_ROUTES]
    others = [PageHandler, ToPageHandler, DocsHandler, FileHandler, CompressedFileHandler, NotFoundHandler]
    assert all(issubclass(handler, IdentifiedHandler) for handler in [*others, *(handler for _, handler in routes)])


async def test_who_waits_to_be_told_to_send_a_body_is_told():
    async with a_server() as server:
        sent = (POST % 5).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        reader, writer = await connected(server, sent)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"12345")
        assert (await answer_of(reader))[1] == b"5 bytes"


async def test_without_descriptors_accepting_pauses_and_the_log_gets_one_line(caplog):
    caplog.set_level(logging.INFO, "hourglass")
    async with a_server() as server:

        class Exhausted:
            attempts = 0

            def __init__(self, listening):
                self.listening = listening

            def fileno(self):
                return self.listening.fileno()

            def accept(self):
                Exhausted.attempts += 1
                if Exhausted.attempts <= 2:
                    raise OSError(errno.EMFILE, "Too many open files")
                return self.listening.accept()

        (listening,) = server._sockets.values()
        server._handlers[listening.fileno()]()
        server._handlers[listening.fileno()] = server._accept_from(Exhausted(listening))
        reader, _ = await connected(server, GET)

        assert (await answer_of(reader))[1] == b"hello"
        assert Exhausted.attempts <= 4
        assert len([line for line in caplog.messages if "connections cannot be accepted" in line]) == 1


@pytest.mark.parametrize("length", ["²", "+5", "-1", "5, 6", "0x5", "1e3", "", "9" * 30, "5 5"])
def test_a_length_that_is_none_is_refused_by_a_sentence(length):
    with pytest.raises(HTTPInputError, match=r"Content-Length.*\."):
        body_length(HTTPHeaders({"Content-Length": length}))


def test_a_length_that_a_proxy_has_doubled_counts_once():
    headers = HTTPHeaders({"Content-Length": "5, 5"})
    assert (body_length(headers), headers["Content-Length"]) == (5, "5")


@pytest.mark.parametrize(
    ("setting", "descriptors", "processes", "most"),
    [(0, 256, 2, 164), (0, 65_536, 2, 5000), (100, 256, 2, 100), (1000, 256, 2, 164), (0, 20, 2, 8)],
)
def test_the_number_of_connections_follows_from_the_descriptors(setting, descriptors, processes, most):
    assert most_connections(LimitSettings(connections=setting), descriptors, processes) == most
