"""The border that every request crosses before it is sent: here the write gate is asked, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from etcdtui.client._wire.intents import READS, intent_of
from etcdtui.client._wire.methods import LEASE_KEEP_ALIVE, Kind, Method
from etcdtui.core.types import WriteGate, WriteIntent


class Border:
    """``gate`` raises to stop a write; without one everything passes.

    Keeping a lease alive is asked for once, by ``renewing``; while that lasts, renewals of this lease pass.
    """

    def __init__(self, gate: WriteGate | None) -> None:
        self._gate = gate
        self._renewed: Counter[int] = Counter()

    def request(self, method: Method[Any, Any], request: Any, endpoint: str | None = None) -> None:
        """One message of a client is about to be sent."""
        if self._gate is None or method.path in READS:
            return
        intent = intent_of(method, request, endpoint)
        if intent is None or (method.path == LEASE_KEEP_ALIVE.path and intent.lease in self._renewed):
            return
        self._gate(intent)

    def stream(self, method: Method[Any, Any], request: Any, endpoint: str | None = None) -> None:
        """A stream is about to be opened: with its one request, or on both sides, to be asked of each message too."""
        if (method.kind is Kind.BIDI) != (request is None):
            raise ValueError(f"{method.name} is opened {'without' if request is not None else 'with'} a request")
        if request is not None:
            self.request(method, request, endpoint)
        elif self._gate is not None and method.path not in READS:
            if method.path == LEASE_KEEP_ALIVE.path and self._renewed:
                return  # who it renews is looked at message by message
            self._gate(WriteIntent(method.name))

    @contextmanager
    def renewing(self, lease_id: int) -> Iterator[None]:
        """Asks whether a lease may be kept alive, and lets its renewals pass inside of the block."""
        if self._gate is not None:
            self._gate(WriteIntent(LEASE_KEEP_ALIVE.name, lease=lease_id))
        self._renewed[lease_id] += 1
        try:
            yield
        finally:
            self._renewed[lease_id] -= 1
            if not self._renewed[lease_id]:
                del self._renewed[lease_id]
