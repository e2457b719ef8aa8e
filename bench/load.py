"""Posts over many persistent connections, one request at a time on each, and counts responses per second."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit


async def posts_a_second(url: str, body: bytes, headers: dict[str, str], connections: int, requests: int) -> float:
    """Answers a second over `connections` connections for `requests` requests in all."""
    place = urlsplit(url)
    request = _request(url, body, headers)
    streams = [await asyncio.open_connection(place.hostname, place.port) for _ in range(connections)]
    began = time.perf_counter()
    await asyncio.gather(*(_post(*stream, request, requests // connections) for stream in streams))
    seconds = time.perf_counter() - began
    for _, writer in streams:
        writer.close()
        await writer.wait_closed()
    return requests // connections * connections / seconds


async def seconds_of_each(url: str, body: bytes, headers: dict[str, str], requests: int) -> list[float]:
    """Returns how long each of so many requests takes over one connection."""
    place = urlsplit(url)
    request = _request(url, body, headers)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    seconds = []
    for _ in range(requests):
        began = time.perf_counter()
        await _post(reader, writer, request, 1)
        seconds.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    return seconds


def _request(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    place = urlsplit(url)
    lines = {"Host": place.netloc, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = f"POST {place.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{head}\r\n".encode() + body


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, count: int) -> None:
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
