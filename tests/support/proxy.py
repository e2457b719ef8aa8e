"""A proxy in front of the server that does to WebSockets what proxies do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

HANG = "hang"


class Proxy:
    """Passes connections on to the server.

    `refusal` is what becomes of handshakes of WebSockets: None passes them, a status answers them, HANG says nothing.
    While `swallows`, what comes on a WebSocket goes nowhere, and nobody learns of it.
    """

    def __init__(self, server_base: str, refusal: int | str | None = None) -> None:
        self.server = ("127.0.0.1", int(server_base.rpartition(":")[2]))
        self.refusal = refusal
        self.swallows = False
        self.handshakes = 0
        self.sockets: list[socket.socket] = []
        self.upgraded: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.address = f"{self.base}/openattic/"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in [self.listener, *self.sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut_websockets(self) -> None:
        """As a balancer does with sockets that have been quiet."""
        for one in self.upgraded:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            first = client.recv(65536)
            is_handshake = b"upgrade: websocket" in first.lower()
            self.handshakes += is_handshake
            if is_handshake and self.refusal is not None:
                self._refuse(client)
                return
            server = socket.create_connection(self.server)
            self.sockets.append(server)
            if is_handshake:
                self.upgraded.append(client)
            server.sendall(first)
            threading.Thread(target=self._pump, args=(client, server, is_handshake), daemon=True).start()
            self._pump(server, client, is_handshake)

    def _refuse(self, client: socket.socket) -> None:
        if self.refusal != HANG:
            client.sendall(f"HTTP/1.1 {self.refusal} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            client.close()

    def _pump(self, source: socket.socket, target: socket.socket, is_websocket: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not (is_websocket and self.swallows):
                    target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
