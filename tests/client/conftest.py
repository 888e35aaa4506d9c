"""Fixtures of the client's own tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions, connect
from tests.support.server import Server


@pytest.fixture(autouse=True)
async def nothing_runs_on() -> AsyncIterator[None]:
    """No task of a client outlives it, whatever the test did to it."""
    yield
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("etcd ") and not task.done()]
    assert not left, left


@pytest.fixture
async def client(etcd: Server) -> AsyncIterator[Client]:
    """A client of the single member, which is empty."""
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as opened:
        yield opened


@pytest.fixture
def unused_endpoint() -> str:
    """An address of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
