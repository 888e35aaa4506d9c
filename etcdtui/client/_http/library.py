"""What is used of the HTTP library."""

from __future__ import annotations

from httpcore import AsyncConnectionPool, NetworkError, ProtocolError, RemoteProtocolError, TimeoutException

FAILURES = (NetworkError, ProtocolError, OSError)
"""What a connection or an answer can fail with, time limits apart."""

__all__ = ["FAILURES", "AsyncConnectionPool", "RemoteProtocolError", "TimeoutException"]
