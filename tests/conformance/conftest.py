"""Clients for the conformance tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions, connect
from tests.client.conftest import client as client
from tests.client.conftest import nothing_runs_on as nothing_runs_on
from tests.client.conftest import unused_endpoint as unused_endpoint
from tests.support import Server


@pytest.fixture
async def client3(cluster3: Server) -> AsyncIterator[Client]:
    """A client of all three members."""
    async with connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as opened:
        yield opened


@pytest.fixture
async def nowhere(unused_endpoint: str) -> AsyncIterator[Client]:
    """A client that reaches nothing: what it refuses at once, it refuses by itself."""
    async with connect(ClientOptions(endpoints=(unused_endpoint,), command_timeout=0.5)) as opened:
        yield opened
