"""Writes on a real server, as an opened profile would have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from etcdtui.client import Client, ClientOptions
from etcdtui.core.types import KeyValue
from etcdtui.services.writing.audit import Audit
from etcdtui.services.writing.guard import Guard, GuardPolicy
from etcdtui.services.writing.writes import Writes


@asynccontextmanager
async def writes_on(
    endpoint: str, state: Path, *, policy: GuardPolicy | None = None, command_timeout: float = 5.0
) -> AsyncIterator[Writes]:
    """A client behind a guard that is open for writes."""
    guard = Guard(policy or GuardPolicy(profile="test", environment="dev", read_only=False, confirm="ask-danger"))
    options = ClientOptions(endpoints=(endpoint,), command_timeout=command_timeout)
    client = await Client.open(options, write_gate=guard.gate)
    try:
        found = await client.kv.get(b"\0", count_only=True)
        guard.observe_cluster(found.header.cluster_id if found.header else 0)
        yield Writes(client, guard, Audit(state / "audit.jsonl", "test"), state, "test")
    finally:
        await client.aclose()


async def everything(writes: Writes) -> dict[bytes, tuple[bytes, int]]:
    """Value and lease of every key."""
    out: dict[bytes, tuple[bytes, int]] = {}
    async for page in writes.client.kv.pages(b"\0", from_key=True, page_size=1000):
        out |= {kv.key: (kv.value, kv.lease) for kv in page.kvs}
    return out


async def must_get(writes: Writes, key: bytes) -> KeyValue:
    kv = await writes.get(key)
    assert kv is not None
    return kv
