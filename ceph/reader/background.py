"""What only a manager knows, asked of it beside what the monitors know."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ceph.connection.cluster import Cluster

PATIENCE_SECONDS = 0.2
"""How long a read waits for the manager at most: a silent one must not hold up what the monitors know."""

Value = TypeVar("Value")


class BackgroundAnswer(Generic[Value]):
    """Asks in a thread of its own, one question at a time; who does not get the answer at once takes the last one.

    `ask` raises nothing; `first` is the answer until there is one.
    """

    def __init__(self, ask: Callable[[Cluster], Value], first: Value) -> None:
        self._ask = ask
        self._answer = first
        self._asking: threading.Thread | None = None

    def answer(self, cluster: Cluster) -> Value:
        """Returns what the manager answers, or, if that takes too long, what it answered before."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask_once, args=(cluster,), daemon=True)
            self._asking.start()
        self._asking.join(PATIENCE_SECONDS)
        return self._answer

    def _ask_once(self, cluster: Cluster) -> None:
        self._answer = self._ask(cluster)
