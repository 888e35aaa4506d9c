"""The seam for metrics and tracing: every request that was sent to a member, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

from etcdtui.core.errors import EtcdError
from etcdtui.core.value import Value


class CallReport(Value):
    """One request to one member, or one stream when it has ended.

    A call that is repeated is reported for each member asked. ``code`` is gRPC's name of the status: ``"OK"``,
    ``"CANCELLED"`` where the caller or this client ended it. ``seconds`` is how long it took, ``sent`` and ``received``
    count messages. The members' states, which the client asks for by itself, are not reported.
    """

    method: str
    endpoint: str
    seconds: float
    code: str
    error: EtcdError | None = None
    stream: bool = False
    sent: int = 1
    received: int = 1


Observer = Callable[[CallReport], None]
"""Called in the event loop, right after each request: it must return at once. What it raises is told to the loop's
exception handler and changes nothing."""
