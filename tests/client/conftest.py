"""Fixtures of the client's own tests."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def unused_endpoint() -> str:
    """An address of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
