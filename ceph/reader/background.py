"""Asks a manager in the background, so that it never delays what the monitors answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ceph.connection.cluster import Cluster

PATIENCE_SECONDS = 0.2
"""How long a read waits for the manager at most."""

Value = TypeVar("Value")


class BackgroundAnswer(Generic[Value]):
    """Asks in its own thread, one question at a time; a caller that cannot wait gets the last answer.

    `ask` raises nothing; `first` is the answer until there is one.
    """

    def __init__(self, ask: Callable[[Cluster], Value], first: Value) -> None:
        self._ask = ask
        self._answer = first
        self._asking: threading.Thread | None = None

    def answer(self, cluster: Cluster) -> Value:
        """Returns the manager's answer, or its previous one if that takes too long."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask_once, args=(cluster,), daemon=True)
            self._asking.start()
        self._asking.join(PATIENCE_SECONDS)
        return self._answer

    def _ask_once(self, cluster: Cluster) -> None:
        self._answer = self._ask(cluster)
