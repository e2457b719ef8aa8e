"""Promise 6 for requests: no client makes the server grow, or wait. Each attack runs against the real server."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

import psutil
import pytest

from tests.support import large_jobs
from tests.support.attack import (
    MEGABYTE,
    assert_honest_are_served,
    children_of,
    connect,
    connections,
    handshake,
    is_closed,
    log_of,
    memory_bounded,
    memory_of,
    read_answer,
    request,
    send_all_it_takes,
    wait_until_memory_is_back,
    waiting_call,
)
from tests.support.service import JOBS, Service, basic

API = "/openattic/api"
JSON = {"Content-Type": "application/json"}
NO_CALLS = [
    *(f"{API}/{path}" for path in ("nope", "taskqueue", "taskqueue/events", "taskqueue/1/retry")),
    *(f"/openattic/{path}" for path in ("", "docs/", "static/js/main.js", "vendor/x")),
    "/", "/nope", "/health",
]  # fmt: skip
SIGN_IN = f"POST {API}/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
KEPT_BODY = SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n3f00\r\n" + b"x" * 0x3F00
HALF_HEADER = b"GET / HTTP/1.1\r\nHo"
SMALL_KEYS = {f"k{number}": 1 for number in range(1_200)}
KEYS = {f"k{number:05}": 1 for number in range(60_000)}


def answer(service, *sent, **headers):
    """What the server says to a request on a connection of its own."""
    with connect(service) as connection:
        connection.sendall(request(*sent, **headers))
        return read_answer(connection)


def post(service, path, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(service, "POST", f"{API}/{path}", {**JSON, **basic()}, raw)


def problem_of(answered):
    status, headers, body = answered
    assert headers["content-type"] == "application/problem+json"
    assert "server" not in headers
    assert len(body) <= 64 * 1024
    problem = json.loads(body)
    assert problem["status"] == status
    return problem


def send_endless_body(service, path, megabytes):
    """As much as the server takes of a body that is said to be 3 GB, then of one that does not say how long it is."""
    for said in ("Content-Length: 3000000000", "Transfer-Encoding: chunked"):
        with connect(service) as connection:
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{said}\r\n\r\n".encode())
            for _ in range(megabytes):
                if not send_all_it_takes(connection, b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"):
                    break


@pytest.mark.parametrize("megabytes", [20, pytest.param(300, marks=pytest.mark.slow)])
async def test_a_body_that_no_call_expects_is_thrown_away_as_it_comes(shared_service, megabytes):
    await assert_honest_are_served(shared_service)
    for path in NO_CALLS:
        with memory_bounded(shared_service, 30):
            send_endless_body(shared_service, path, megabytes)
    await assert_honest_are_served(shared_service)


@pytest.mark.parametrize("path", NO_CALLS)
def test_such_a_body_is_refused_at_once_with_a_problem_that_says_that_it_closes(shared_service, path):
    with connect(shared_service) as connection:
        connection.sendall(request("POST", path, {"Content-Length": "3000000000"}))
        answered = read_answer(connection)

    assert problem_of(answered)["status"] in (404, 405, 413)
    assert answered[1]["connection"] == "close"


@pytest.fixture
def few_descriptors(service):
    """A server that may have 256 descriptors open, and no more."""
    service.program = ["prlimit", "--nofile=256:256", *service.program]
    return service.start()


async def test_half_headers_close_each_other_and_nobody_else(few_descriptors):
    await assert_honest_are_served(few_descriptors)
    with memory_bounded(few_descriptors, 30), connections(few_descriptors, 350, HALF_HEADER) as opened:
        for _ in range(3):
            await assert_honest_are_served(few_descriptors)
        closed = [is_closed(one) for one in opened]
        assert closed == sorted(closed, reverse=True), "the oldest go first"
        assert 100 < sum(closed) < 250
    with connections(few_descriptors, 350, KEPT_BODY):
        await assert_honest_are_served(few_descriptors)
        assert few_descriptors.stop() == 0
    assert len(log_of(few_descriptors)) < 10_000


LASTING = {"calls that wait": waiting_call(1_000_000), "WebSockets": handshake(0)}
BULKY = {
    "a long one": b"X-Long: " + b"x" * 30_000 + b"\r\n",
    "many short ones": b"".join(b"X-%d: y\r\n" % number for number in range(90))
    + b"X-Long: "
    + b"x" * 20_000
    + b"\r\n",
}


@pytest.mark.parametrize("count", [300, pytest.param(1400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lasting", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("bulky", BULKY.values(), ids=BULKY)
async def test_the_headers_of_what_lasts_are_bounded_in_sum(service, lasting, bulky, count):
    service.start("--set", "limits.bodies_mb=2")
    await assert_honest_are_served(service)
    with memory_bounded(service, 60 if count < 1000 else 100):
        with connections(service, count, lasting[:-2] + bulky + b"\r\n") as opened:
            await assert_honest_are_served(service)
            assert 0 < sum(map(is_closed, opened)) < count
        assert (
            'hourglass_refused_total{reason="header_bytes"}' in answer(service, "GET", "/metrics", basic())[2].decode()
        )


@pytest.mark.parametrize("header", [b"x" * 70_000, b"\r\n".join(b"X-%d: y" % number for number in range(200))])
def test_headers_that_are_too_long_or_too_many_are_a_431(shared_service, header):
    with connect(shared_service) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: " + header + b"\r\n\r\n")

        assert problem_of(read_answer(connection))["status"] == 431


async def test_without_descriptors_strangers_make_place_and_the_log_gets_one_line(service):
    service.start()
    await assert_honest_are_served(service)
    server = psutil.Process(service.server.pid)
    used = sum(server.cpu_times()[:2])
    server.rlimit(psutil.RLIMIT_NOFILE, (server.num_fds() + 10, server.rlimit(psutil.RLIMIT_NOFILE)[1]))

    with connections(service, 60, HALF_HEADER):
        for _ in range(3):
            await assert_honest_are_served(service)

    assert sum(server.cpu_times()[:2]) - used < 3
    assert log_of(service).count("connections cannot be accepted") == 1


@pytest.mark.slow
async def test_half_headers_are_given_up_after_ten_seconds_and_cost_no_cpu(few_descriptors):
    server = psutil.Process(few_descriptors.server.pid)
    before = memory_of(few_descriptors)
    with connections(few_descriptors, 350, HALF_HEADER) as opened:
        used = sum(server.cpu_times()[:2])
        end = time.monotonic() + 30
        while not all(map(is_closed, opened)):
            assert time.monotonic() < end
            await assert_honest_are_served(few_descriptors)
            time.sleep(1)  # noqa: ASYNC251 - nothing else goes on in this test
        assert sum(server.cpu_times()[:2]) - used < 3
    wait_until_memory_is_back(few_descriptors, before)
    assert len(log_of(few_descriptors)) < 10_000


def test_the_server_raises_its_limit_of_descriptors_and_its_workers_have_the_old_one(service):
    service.program = ["prlimit", "--nofile=256:4096", *service.program]
    service.start()

    assert psutil.Process(service.server.pid).rlimit(psutil.RLIMIT_NOFILE) == (4096, 4096)
    created = json.loads(post(service, "taskqueue", {"job": "counts", "params": {"times": 1}})[2])
    assert answer(service, "GET", f"{API}/taskqueue/{created['id']}?wait=60", basic())[0] == 200  # one has come up
    assert (256, 4096) in {child.rlimit(psutil.RLIMIT_NOFILE) for child in children_of(service)}


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_unfinished_bodies_of_sign_ins_take_little(shared_service, count):
    await assert_honest_are_served(shared_service)
    before = memory_of(shared_service)
    with memory_bounded(shared_service), connections(shared_service, count, KEPT_BODY):
        await assert_honest_are_served(shared_service)
    announced = SIGN_IN + b"Content-Length: 1000000\r\n\r\n" + b"x" * 100_000
    with memory_bounded(shared_service), connections(shared_service, count, announced) as opened:
        assert problem_of(read_answer(opened[0]))["status"] == 413
        await assert_honest_are_served(shared_service)
    wait_until_memory_is_back(shared_service, before)


async def test_unfinished_bodies_are_bounded_in_sum_and_small_ones_get_through(service):
    service.start("--set", "limits.bodies_mb=2")
    await assert_honest_are_served(service)
    head = request("POST", f"{API}/taskqueue", {**JSON, **basic(), "Content-Length": "1000000"})
    with memory_bounded(service, 40), connections(service, 30, head + b" " * 900_000) as opened:
        small = answer(service, "POST", f"{API}/taskqueue/test_task", {**JSON, **basic()}, b'{"times": 1}')
        assert small[0] == 200
        refused = problem_of(read_answer(opened[-1]))
        assert (refused["status"], "try again" in refused["detail"]) == (503, True)
    counted = answer(service, "GET", "/metrics", basic())[2].decode()
    assert 'hourglass_refused_total{reason="bodies"}' in counted


TOO_MANY = [
    ("auth", SMALL_KEYS, 1_202),
    ("taskqueue/test_task", KEYS, 60_001),
    ("taskqueue", {"job": "test_task", "params": KEYS}, 60_001),
    ("taskqueue", [{"job": "test_task", "params": SMALL_KEYS}] * 50, 50 * 1_201),
    ("taskqueue", [{"job": "test_task", "params": {}}] * 1000, 1000),
    ("taskqueue", {"job": "chain", "params": {"steps": [{"job": "test_task", "params": SMALL_KEYS}] * 50}}, 50 * 1_201),
    ("taskqueue", {**dict.fromkeys(KEYS, 1), "job": "nope"}, 60_001),
]


@pytest.mark.parametrize(("path", "body", "count"), TOO_MANY)
def test_of_many_mistakes_the_first_hundred_are_listed_once_and_the_others_counted(shared_service, path, body, count):
    problem = problem_of(post(shared_service, path, body))

    texts = [text for field, texts in problem["errors"].items() for text in texts]
    first_field, first_texts = next(iter(problem["errors"].items()))
    assert len(texts) == 101
    assert texts[-1] == f"and {count - 100:,} more"
    assert problem["detail"] == f"{first_field}: {first_texts[0]} (the first of {count:,} mistakes)"


@pytest.mark.parametrize(
    "body",
    [{"\x01" * 900 + str(number): 1 for number in range(500)}, {"job": "x" * 900_000}, {"x" * 900_000: 1},
     [{"job": "\x01" * 900}] * 1000, {"times": "x" * 900_000}],
)  # fmt: skip
def test_a_problem_is_short_however_long_what_was_sent_is(shared_service, body):
    assert problem_of(post(shared_service, "taskqueue", body))["detail"]


async def test_thousands_of_mistakes_hold_up_nobody_although_the_answers_are_not_read(shared_service):
    sent = request("POST", f"{API}/taskqueue/test_task", {**JSON, **basic()}, json.dumps(KEYS).encode())
    with memory_bounded(shared_service), connections(shared_service, 30, sent, receive_bytes=2048):
        await assert_honest_are_served(shared_service)


@pytest.mark.parametrize("depth", [150, 199, 250, 975, 985, 986, 1000, 3000, 100_000])
def test_json_may_be_nested_as_deep_as_it_likes_without_a_traceback(shared_service, depth):
    deep = b"[" * depth + b"]" * depth
    chain = b'[{"job":"chain","params":{"steps":' * (depth // 4) + b"[]" + b"}}]" * (depth // 4)
    before = log_of(shared_service)
    bodies = {
        "auth": [b'{"username":' + deep[:4000] + b',"password":"x"}', b'{"username":' + deep + b',"password":"x"}'],
        "taskqueue/test_task": [b'{"times":' + deep + b"}", deep],
        "taskqueue": [b'{"job":"chain","params":{"steps":' + steps + b"}}" for steps in (deep, chain)]
        + [b'[{"job":"test_task","params":' + deep + b"}]", b'{"job":' + deep + b"}"],
    }
    for path, sent in bodies.items():
        for body in sent:
            assert problem_of(post(shared_service, path, body))["status"] in (400, 413)
    assert log_of(shared_service) == before


MALFORMED = [
    *(f"Content-Length: {length}".encode() for length in ("²", "+5", "-1", "5, 6", "0x5", "", "9" * 5000)),
    b"Content-Length: \xb2", b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"no colon", b" folded: 1", b"X: \x00",
]  # fmt: skip


@pytest.mark.parametrize("line", MALFORMED)
def test_what_is_no_http_gets_a_problem_and_leaves_no_trace_in_the_log(shared_service, line):
    before = log_of(shared_service)
    with connect(shared_service) as connection:
        connection.sendall(SIGN_IN + line + b"\r\n\r\n{}")
        answered = read_answer(connection)

    assert (problem_of(answered)["status"], answered[1]["connection"]) == (400, "close")
    assert log_of(shared_service) == before


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("static/js/main.js%00.css", {"Accept-Encoding": "gzip"}, 404),
        ("static/%00", {}, 404),
        ("vendor/lit-html/%00/lit-html.js", {}, 404),
        ("static/..%2fconfig.ini?password=secret", {}, 403),
        ("static/js", {}, 403),
        ("static/nope.js?password=secret", {}, 404),
        ("static/" + "a" * 5000, {}, 404),
        ("static/%ff", {}, 400),
        ("static/js/main.js", {"Range": "bytes=99999999-"}, 416),
    ],
)
def test_errors_of_static_files_are_problems_and_are_not_logged(shared_service, path, headers, status):
    before = log_of(shared_service)
    for method in ("GET", "POST"):
        answered = answer(shared_service, method, f"/openattic/{path}", headers)
        assert problem_of(answered)["status"] in (status, 405 if method == "POST" else status)
    assert log_of(shared_service) == before


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_refusals_of_long_addresses_cost_the_log_nothing(shared_service, count):
    before = log_of(shared_service)
    with memory_bounded(shared_service, 30), connect(shared_service) as connection:
        for path, status in (
            (f"/openattic/static/{'..%2f' * 400}", 403),
            (f"/openattic/static/{'..%2f' * 6_000}", 404),
        ):
            for _ in range(count):
                connection.sendall(request("GET", path))
                assert read_answer(connection)[0] == status
    assert log_of(shared_service) == before


def test_a_body_in_pieces_that_are_none_leaves_no_trace_in_the_log_either(shared_service):
    before = log_of(shared_service)
    for piece in (b"zz\r\n", b"5;" + b"x" * 1000 + b"\r\n", b"-5\r\n", b"5\r\nhelloo\r\n"):
        with connect(shared_service) as connection:
            connection.sendall(SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n" + piece)
            assert not connection.recv(4096) or connection.recv(4096) == b""
    assert log_of(shared_service) == before


UPGRADE = {**basic(), "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": ""}, 426),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Connection": "keep-alive"}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://\u2100"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_handshake_that_is_refused_is_a_problem_and_leaves_no_trace_in_the_log(shared_service, changed, status):
    before = log_of(shared_service)
    answered = answer(shared_service, "GET", f"{API}/taskqueue/events", UPGRADE | changed)

    assert problem_of(answered)["status"] == status
    assert (answered[1].get("sec-websocket-version") == "13") == (status == 426)
    assert log_of(shared_service) == before


@pytest.mark.parametrize("origin", ["http://[", "http://\u2100", "[", ""])
@pytest.mark.parametrize("path", [f"{API}/taskqueue/test_task", f"{API}/auth", "/openattic/static/js/main.js", "/nope"])
def test_an_origin_that_is_no_address_is_another_site(shared_service, path, origin):
    before = log_of(shared_service)
    answered = answer(shared_service, "POST", path, {**basic(), **JSON, "Origin": origin}, b"{}")

    assert problem_of(answered)["status"] in (403, 404, 405)
    assert log_of(shared_service) == before


FRAMES = {
    "text that is not UTF-8": b"\x81\x82\0\0\0\0\xff\xfe",
    "reserved bits": b"\xc1\x80\0\0\0\0",
    "an unknown kind": b"\x83\x80\0\0\0\0",
    "a long ping": b"\x89\xfe\0\x7e\0\0\0\0" + b"x" * 126,
    "a ping in pieces": b"\x09\x80\0\0\0\0",
    "the rest of nothing": b"\x80\x80\0\0\0\0",
    "one message within another": b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b",
    "2**63 bytes": b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0",
    "much text": b"\x81\xff\0\0\0\0\0\x03\0\0\0\0\0\0" + b"x" * 196_608,
    "no frame": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_that_are_none_close_the_socket_with_a_code_that_arrives(shared_service, frame):
    before = log_of(shared_service)
    with connect(shared_service) as connection:
        connection.sendall(handshake() + frame)
        received = b""
        while b"\x03\xebexpected" not in received:
            more = connection.recv(65536)
            assert more, f"closed after {received!r}"
            received += more
    assert log_of(shared_service) == before


@pytest.mark.parametrize("lines", [b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"])
def test_an_http_1_0_response_says_that_the_connection_closes(shared_service, lines):
    """It cannot become a WebSocket either."""
    sign_in = f"Authorization: {basic()['Authorization']}\r\n".encode()
    for path in ("/health", f"{API}/taskqueue/events"):
        with connect(shared_service) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n".encode() + sign_in + lines + b"\r\n")
            status, headers, _ = read_answer(connection)
            assert (status, headers["connection"]) == (200 if path == "/health" else 400, "close")
            assert connection.recv(1) == b""


REFUSED = [
    ("GET", f"{API}/taskqueue?nope=1", {**basic(), **JSON}, 400),
    ("GET", f"{API}/taskqueue", {}, 401),
    ("POST", f"{API}/taskqueue/test_task", JSON, 401),
    ("POST", f"{API}/taskqueue/test_task", {**basic(), "Content-Type": "text/plain"}, 415),
    ("POST", f"{API}/taskqueue/test_task", {**basic(), **JSON, "Origin": "http://evil.example"}, 403),
    ("PUT", f"{API}/taskqueue", {**basic(), **JSON}, 405),
    ("POST", f"{API}/nope", JSON, 404),
    ("POST", "/openattic/static/js/main.js", JSON, 405),
    ("BREW", "/openattic/", {}, 405),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSED)
@pytest.mark.parametrize("body", [b"", b'{"times": 1}', b" " * 12_000])
def test_a_refusal_leaves_the_connection_open(shared_service, method, path, headers, status, body):
    body = body or (b"{}" if status == 415 else b"")
    with connect(shared_service) as connection:
        for _ in range(3):
            connection.sendall(request(method, path, headers, body))
            answered = read_answer(connection)
            assert (answered[0], "connection" in answered[1]) == (status, False)
        connection.sendall(request("GET", "/health"))
        assert read_answer(connection)[0] == 200


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A server with a task whose result is 9 MB, and the request for it."""
    service = Service(tmp_path_factory.mktemp("large"))
    service.start("--set", f"jobs.modules={JOBS},{large_jobs.MODULE}")
    created = json.loads(post(service, "taskqueue", {"job": "returns_megabytes", "params": {"megabytes": 9}})[2])
    status, _, _ = answer(service, "GET", f"{API}/taskqueue/{created['id']}?wait=60", basic())
    assert status == 200
    yield service, request("GET", f"{API}/taskqueue/{created['id']}", basic())
    service.close()


@pytest.mark.parametrize("count", [12, pytest.param(60, marks=pytest.mark.slow)])
async def test_large_answers_that_are_not_read_wait_for_their_turn(large, count):
    service, asks = large
    await assert_honest_are_served(service)
    before = memory_of(service)
    with memory_bounded(service), connections(service, count, asks, receive_bytes=4096):
        for _ in range(3):
            await assert_honest_are_served(service)
        with connect(service) as honest:
            honest.sendall(asks)
            status, _, body = read_answer(honest)
        assert (status, len(body) > 9_000_000) == (200, True), "its turn comes although nobody before it reads"
        for path in ("/openattic/docs/", f"{API}/openapi.json"):
            assert answer(service, "GET", path, basic())[0] == 200
    wait_until_memory_is_back(service, before)
    assert "Traceback" not in log_of(service)


@pytest.mark.slow
async def test_a_stop_under_attack_ends_in_good_order(service):
    service.start("--set", "server.grace_seconds=1")
    with ExitStack() as stack:
        for sent in (HALF_HEADER, KEPT_BODY, b"", request("GET", "/openattic/vendor/bootstrap/css/bootstrap.min.css")):
            stack.enter_context(connections(service, 50, sent, receive_bytes=2048))
        await assert_honest_are_served(service)
        assert service.stop() == 0
    assert "Traceback" not in log_of(service)
