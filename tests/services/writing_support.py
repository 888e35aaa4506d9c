"""Writes on a real server, as an opened profile would have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from etcdtui.client import Client, ClientOptions
from etcdtui.core.plan import ActionClass, Scope, WritePlan
from etcdtui.core.steps import Step, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.services.writing.audit import Audit
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.guard import Guard, GuardPolicy
from etcdtui.services.writing.run import Report, StepsWrite, Write, WriteRun
from etcdtui.services.writing.undo import UndoPlan
from etcdtui.services.writing.writes import Writes


@asynccontextmanager
async def writes_on(
    endpoint: str,
    state: Path,
    *,
    policy: GuardPolicy | None = None,
    command_timeout: float = 5.0,
    user: tuple[str, str] | None = None,
) -> AsyncIterator[Writes]:
    """A client behind a guard that is open for writes; ``endpoint`` may be several, parted by commas."""
    guard = Guard(policy or GuardPolicy(profile="test", environment="dev", read_only=False, confirm="ask-danger"))
    name, password = user or (None, None)
    options = ClientOptions(
        endpoints=tuple(endpoint.split(",")), command_timeout=command_timeout, username=name, password=password
    )
    client = await Client.open(options, write_gate=guard.gate)
    try:
        found = await client.kv.get(b"\0", count_only=True)
        guard.observe_cluster(found.header.cluster_id if found.header else 0)
        yield Writes(client, guard, Audit(state / "audit.jsonl", "test"), state, "test")
    finally:
        await client.aclose()


def agreed(guard: Guard, plan: WritePlan) -> Confirmed:
    """The plan as confirmed by somebody who typed whatever was asked."""
    wanted = guard.confirmation(plan)
    return guard.confirm(plan, wanted.word, f"{wanted.phrase} 1")


async def carry_out(writes: Writes, write: Write) -> Report:
    """Confirm a write and run it."""
    return await WriteRun(writes, write).send(agreed(writes.guard, write.plan))


async def undone(writes: Writes, undo: UndoPlan) -> Report:
    """Confirm an undo and run it."""
    assert undo.write is not None, undo.reason
    return await carry_out(writes, undo.write)


def steps_write(*steps: Step, action: str = "put") -> StepsWrite:
    """A write of these steps, each on its own, with a plan that allows just them."""
    puts, deletes = scope_ranges(steps)
    scope = Scope(frozenset({"KV/Txn"}), puts=puts, deletes=deletes)
    keys = tuple(step.key for step in steps)
    plan = WritePlan(action, keys[0], ActionClass.R1, scope, keys=keys, changes=len(steps))
    return StepsWrite(plan, [(step,) for step in steps])


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
