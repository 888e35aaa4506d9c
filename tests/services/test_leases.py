"""Leases: states from samples, IDs as people type them, and reading from a real server."""

from __future__ import annotations

import pytest

from etcdtui.client import Client, ClientOptions, connect
from etcdtui.core.errors import WriteRefused
from etcdtui.core.types import WriteIntent
from etcdtui.services.cluster.leases import LeaseBook, LeaseState, lease_hex, parse_lease_id, revoke_plan, state_of
from etcdtui.services.writing.guard import Guard, GuardPolicy
from tests.services.writing_support import agreed
from tests.support import Server


@pytest.mark.parametrize(
    ("samples", "granted", "keys", "state"),
    [
        ([], 60, 1, LeaseState.WAITING),
        ([(0, -1)], 60, 1, LeaseState.GONE),
        ([(0, 50)], 60, 0, LeaseState.EMPTY),
        ([(0, 40), (2, 58)], 60, 1, LeaseState.RENEWED),
        ([(0, 19), (2, 17)], 60, 1, LeaseState.DRAINING),
        ([(0, 3500), (2, 3498)], 3600, 1, LeaseState.ONE_SHOT),
        ([(0, 12)], 60, 1, LeaseState.DRAINING),
        ([(0, 50), (1, 49), (2, 48)], 60, 1, LeaseState.UNKNOWN),
        ([(0, 9), (2, 9)], 10, 1, LeaseState.RENEWED),
        ([(0, 58), (2, 57)], 60, 1, LeaseState.UNKNOWN),
        ([(0, 30), (2, 28)], 60, 1, LeaseState.UNKNOWN),
    ],
)
def test_the_state_is_what_the_samples_tell(
    samples: list[tuple[float, int]], granted: int, keys: int, state: LeaseState
) -> None:
    assert state_of(samples, granted, keys) is state


def test_an_id_is_written_as_etcdctl_writes_it() -> None:
    assert lease_hex(0x694D81F0B7C2AA13) == "694d81f0b7c2aa13"
    assert lease_hex(-1) == "f" * 16
    assert lease_hex(1) == "0000000000000001"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("694d81f0b7c2aa13", (0x694D81F0B7C2AA13,)),
        ("0x10", (16,)),
        ("7587863818064275987", (0x7587863818064275987, 7587863818064275987)[1:]),
        ("12", (0x12, 12)),
        ("ffffffffffffffff", (-1,)),
    ],
)
def test_an_id_can_be_typed_in_hex_or_decimal(text: str, ids: tuple[int, ...]) -> None:
    assert parse_lease_id(text) == ids


def test_what_is_no_id_is_said() -> None:
    with pytest.raises(ValueError, match="not a lease ID"):
        parse_lease_id("abc!")


async def test_leases_their_keys_and_a_revoke_that_names_them(etcd: Server) -> None:
    guard = Guard(GuardPolicy(read_only=False))
    options = ClientOptions(endpoints=(etcd.endpoint,))
    async with connect(options) as plain:
        lease = await plain.lease.grant(60)
        empty = await plain.lease.grant(60)
        await plain.kv.put("/a", "1", lease=lease.id)
        await plain.kv.put("/b", "1", lease=lease.id)
    client = await Client.open(options, write_gate=guard.gate)
    try:
        book = LeaseBook(client)
        ids = await book.list_ids()
        assert set(ids) == {lease.id, empty.id}
        await book.read(ids)
        row = book.rows[lease.id]
        assert row.keys == (b"/a", b"/b")
        assert row.granted == 60
        assert row.ttl is not None and 55 <= row.ttl <= 60
        assert book.rows[empty.id].state is LeaseState.EMPTY

        with pytest.raises(WriteRefused):
            await client.lease.revoke(lease.id)
        plan = revoke_plan(row)
        assert plan.keys == (b"/a", b"/b")
        with guard.permit(agreed(guard, plan)):
            with pytest.raises(WriteRefused, match="another lease"):
                await client.lease.revoke(empty.id)
            await client.lease.revoke(lease.id)
        assert (await client.kv.get("/a")).count == 0
        assert await book.list_ids() == (empty.id,)
        assert lease.id not in book.rows
    finally:
        await client.aclose()


def test_a_permit_for_one_lease_is_no_permit_for_a_put() -> None:
    guard = Guard(GuardPolicy(read_only=False))
    from etcdtui.services.cluster.leases import grant_plan

    with guard.permit(agreed(guard, grant_plan(5))), pytest.raises(WriteRefused):
        guard.gate(WriteIntent("KV/Put", puts=(b"x",)))
