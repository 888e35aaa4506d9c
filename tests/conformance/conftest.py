"""Clients for the conformance tests."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions, connect
from tests.support import Server


@pytest.fixture
async def client(etcd: Server) -> AsyncIterator[Client]:
    """A client of the single member, which is empty."""
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as opened:
        yield opened


@pytest.fixture
async def client3(cluster3: Server) -> AsyncIterator[Client]:
    """A client of all three members."""
    async with connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as opened:
        yield opened


@pytest.fixture
def unused_endpoint() -> str:
    """An address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
async def nowhere(unused_endpoint: str) -> AsyncIterator[Client]:
    """A client that reaches nothing: what it refuses at once, it refuses by itself."""
    async with connect(ClientOptions(endpoints=(unused_endpoint,), command_timeout=0.5)) as opened:
        yield opened
