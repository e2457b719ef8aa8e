"""What stands in front of standard error: a bounded queue, a gate against floods, and pipes of children."""

from __future__ import annotations

import logging
import os
import select
import threading
from contextlib import suppress
from contextvars import copy_context

import pytest

import streams
from logs import OwnLogger, Request, TextFormatter, current_request
from processes.relay import ChildPipe, Lines, Relay
from streams import BURST_LINES, MOST_WAITING_LINES, FloodGate, LineWriter, ServerHandler, ServerLog, say

FULL = 256 * 1024


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    with suppress(OSError):
        os.close(read)
    # The other end stays: the thread of a writer may still write to it, and its number must not become another's.


def notice(count):
    return b"%d dropped\n" % count


def lines_until(descriptor, last):
    data = b""
    while not data.endswith(last):
        assert select.select([descriptor], [], [], 20)[0], data[-200:]
        data += os.read(descriptor, 65536)
    return data.split(b"\n")[:-1]


def test_lines_come_whole_and_in_order(pipe):
    read, write = pipe
    writer = LineWriter(write, notice)
    sent = [b"%d " % number + b"x" * (number * 37 % 9000) for number in range(150)]
    for line in sent:
        writer.put(line + b"\n")

    assert lines_until(read, sent[-1] + b"\n") == sent
    assert writer.dropped == 0


def test_what_finds_no_room_is_dropped_counted_and_told_where_it_is_missing(pipe):
    read, write = pipe
    writer = LineWriter(write, notice)
    for number in range(MOST_WAITING_LINES + 5000):
        writer.put(b"%d " % number + b"x" * 100 + b"\n")
    assert writer.dropped > 0
    lines = lines_until(read, b"x\n")
    while not writer.has_room():
        lines += lines_until(read, b"\n")
    writer.put(b"last\n")
    lines += lines_until(read, b"last\n")

    expected = told = 0
    for line in lines[:-1]:
        number, word = line.split()
        if word == b"dropped":
            told += int(number)
            expected += int(number)
        else:
            assert int(number) == expected
            expected += 1
    assert expected == MOST_WAITING_LINES + 5000
    assert told == writer.dropped


def test_when_all_is_written_what_was_dropped_is_told_without_another_line(pipe):
    read, write = pipe
    writer = LineWriter(write, notice)
    while not writer.dropped:
        writer.put(b"x" * 1000 + b"\n")

    assert lines_until(read, b"dropped\n")[-1] == b"1 dropped"


def test_children_leave_room_for_the_lines_of_the_server(pipe):
    _, write = pipe
    writer = LineWriter(write, notice)
    while writer.has_room(0.5):
        writer.put(b"x" * 1000 + b"\n", 0.5)
    writer.put(b"of a child\n", 0.5)
    assert writer.dropped == 1
    writer.put(b"of the server\n")
    assert writer.dropped == 1


def test_a_flood_waits_while_lines_flow_and_is_dropped_where_they_do_not(pipe):
    read, write = pipe
    writer = LineWriter(write, notice)
    while writer.wait_for_room(0.5):
        writer.put(b"x" * 1000 + b"\n")
    assert writer.dropped == 0
    reader = threading.Thread(target=lines_until, args=(read, b"last\n"))
    reader.start()
    assert writer.flush(30)
    for _ in range(5000):
        while not writer.wait_for_room(0.5):
            pass  # the reader had no turn
        writer.put(b"x" * 1000 + b"\n", 0.5)
    writer.put(b"last\n")
    reader.join()
    assert writer.dropped == 0


def test_where_nobody_can_read_any_more_all_is_counted(pipe):
    read, write = pipe
    writer = LineWriter(write, notice)
    os.close(read)
    for _ in range(10):
        writer.put(b"x\n")
        writer.flush()

    assert writer.dropped == 10


def test_a_flush_waits_for_a_reader_and_not_for_none(pipe, monkeypatch):
    monkeypatch.setattr(streams, "NO_PROGRESS_SECONDS", 0.05)
    read, write = pipe
    writer = LineWriter(write, notice)
    while not writer.dropped:
        writer.put(b"x" * 1000 + b"\n")
    assert not writer.flush()
    monkeypatch.setattr(streams, "NO_PROGRESS_SECONDS", 30)
    reader = threading.Thread(target=lines_until, args=(read, b"dropped\n"))
    reader.start()
    assert writer.flush(30)
    reader.join()


def test_a_descriptor_that_does_not_wait_loses_nothing(pipe):
    read, write = pipe
    os.set_blocking(write, False)
    writer = LineWriter(write, notice)
    sent = [b"x" * 9000] * 100
    for line in sent:
        writer.put(line + b"\n")
    writer.put(b"last\n")

    assert lines_until(read, b"last\n") == [*sent, b"last"]


def test_what_was_dropped_is_told_in_the_name_of_no_request(pipe):
    read, write = pipe
    log = ServerLog("text", write)

    def in_a_request():
        current_request.set(Request("ab12"))
        while not log.dropped:
            log.handler.handle(a_record("hourglass.queue"))
        while True:
            lines = lines_until(read, b"\n")
            log.handler.handle(a_record("hourglass.queue"))
            if told := [line for line in lines if b"dropped" in line]:
                return told

    assert b"request=" not in copy_context().run(in_a_request)[0]


def test_a_burst_passes_then_so_many_a_second():
    gate = FloodGate()

    assert [gate.lets_pass(100.0) for _ in range(BURST_LINES + 2)] == [True] * BURST_LINES + [False] * 2
    assert [gate.lets_pass(100.15) for _ in range(2)] == [True, False]
    assert (gate.left_out(), gate.left_out()) == (3, 0)


def a_record(name="tornado.general", level=logging.WARNING):
    return logging.LogRecord(name, level, "", 1, "too much", (), None)


def test_a_flood_that_clients_cause_is_left_out_counted_and_told(pipe, monkeypatch):
    read, write = pipe
    now = [0.0]
    monkeypatch.setattr(streams.time, "monotonic", lambda: now[0])
    writer = LineWriter(write, notice)
    handler = ServerHandler(TextFormatter(), writer)
    for _ in range(BURST_LINES + 7):
        handler.handle(a_record())
    for _ in range(BURST_LINES + 7):
        handler.handle(a_record("hourglass.queue"))
    now[0] = 1
    handler.handle(a_record())
    handler.handle(a_record("last"))
    lines = lines_until(read, b"WARNING last: too much\n")

    assert writer.dropped == 7
    assert sum(b"tornado.general: too much" in line for line in lines) == BURST_LINES + 1
    assert sum(b"hourglass.queue: too much" in line for line in lines) == BURST_LINES + 7
    assert lines[-3].endswith(b"WARNING tornado.general: 7 lines like the next one were left out: too many at once")


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"on", b"e\n", b"tw", b"o"], [b"one", b"two"]),
        ([b"x" * 25], [b"x" * 10, b"x" * 10, b"x" * 5]),
        ([b"x" * 25 + b"\ny\n"], [b"x" * 10, b"x" * 10, b"x" * 5, b"y"]),
        ([], []),
    ],
)
def test_what_is_printed_is_cut_into_lines_of_a_bounded_length(pieces, lines):
    taken = []
    cutter = Lines(taken.append, 10)
    for piece in pieces:
        cutter.feed(piece)
    cutter.end()

    assert taken == lines


def test_a_pipe_that_is_let_go_is_read_to_what_is_in_it_and_closed_though_somebody_holds_its_other_end(pipe):
    _, write = pipe
    read = os.dup(pipe[0])
    taken, relay = [], Relay()
    child = ChildPipe(read, Lines(taken.append, 100))
    relay.take(child)
    os.write(write, b"one\ntwo")
    relay.let_go(child)
    relay.flush(30)

    assert taken == [b"one", b"two"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)
    relay.let_go(child)  # its number may be another's by now
    relay.flush(30)


def test_a_sentence_is_given_up_after_a_time_and_steers_no_terminal(pipe):
    read, write = pipe
    assert say("two\x1b[31m\nlines", write)
    assert os.read(read, 100) == b"two\\x1b[31m\nlines\n"
    assert not say("x" * FULL, write, seconds=0.01)
    os.close(os.dup(read))


def test_a_handler_never_raises_into_the_code_that_logs(monkeypatch):
    class Broken(logging.Formatter):
        def format(self, _record):
            raise MemoryError

    monkeypatch.setattr(OwnLogger, "handler", streams.logs.LineHandler(Broken(), print), raising=False)
    monkeypatch.setattr(OwnLogger, "threshold", logging.INFO, raising=False)
    OwnLogger("hourglass.own").error("%d", "x")
