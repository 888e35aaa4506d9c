"""Leases: states from samples, IDs as people type them, and reading from a real server."""

from __future__ import annotations

import pytest

from etcdtui.client import Client, ClientOptions, connect
from etcdtui.core.errors import EtcdError, WriteRefused
from etcdtui.core.types import WriteIntent
from etcdtui.services.cluster.held_leases import HeldLeases
from etcdtui.services.cluster.lease_plans import grant_plan, revoke_plan
from etcdtui.services.cluster.leases import LeaseBook, LeaseRow, LeaseState, lease_hex, parse_lease_id, state_of
from etcdtui.services.writing.guard import Guard, GuardPolicy
from tests.services.writing_support import agreed
from tests.support import Server, eventually


@pytest.mark.parametrize(
    ("samples", "granted", "keys", "state"),
    [
        ([], 60, 1, LeaseState.WAITING),
        ([(0, -1)], 60, 1, LeaseState.GONE),
        ([(0, 50)], 60, 0, LeaseState.EMPTY),
        ([(0, 40), (2, 58)], 60, 1, LeaseState.RENEWED),
        ([(0, 19), (2, 17)], 60, 1, LeaseState.DRAINING),
        ([(0, 3500), (2, 3498)], 3600, 1, LeaseState.ONE_SHOT),
        ([(0, 12)], 60, 1, LeaseState.UNKNOWN),
        ([(0, 3500)], 3600, 1, LeaseState.UNKNOWN),
        ([(0, 12), (2, 10)], 60, 1, LeaseState.DRAINING),
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
    with guard.permit(agreed(guard, grant_plan(5))), pytest.raises(WriteRefused):
        guard.gate(WriteIntent("KV/Put", puts=(b"x",)))


async def test_all_leases_are_read_in_the_background_what_is_seen_first_and_agree_with_etcdctl(etcd: Server) -> None:
    options = ClientOptions(endpoints=(etcd.endpoint,))
    async with connect(options) as client:
        granted = {(await client.lease.grant(1000 + n)).id: 1000 + n for n in range(250)}
        last = list(granted)[-1]
        await client.kv.put("/soon", "1", lease=last)
        book = LeaseBook(client)
        ids = await book.list_ids()
        assert {lease_hex(one) for one in ids} == set(etcd.etcdctl("lease", "list").split()[3:])
        assert book.read_count == 0
        lots: list[list[int]] = []
        await book.walk(lambda: [last], lambda rows: lots.append([row.id for row in rows]))
        assert lots[0][0] == last and len(lots) == 3
        assert book.read_count == 250 and {row.id: row.granted for row in book.rows.values()} == granted
        assert book.rows[last].keys == (b"/soon",)
        told = etcd.etcdctl("lease", "timetolive", lease_hex(last), "--keys")
        assert f"TTL({granted[last]}s)" in told and "/soon" in told
        lots.clear()
        await book.walk(seen=lambda rows: lots.append([row.id for row in rows]))
        assert not lots, "what was read is not read again, but in another round"
        await client.lease.revoke(last)
        await book.list_ids()
        assert book.read_count == 249


async def test_after_a_leader_change_nothing_is_called_renewed_that_nobody_renewed(cluster3: Server) -> None:
    """Every time starts anew at the new leader: seen as green for minutes."""
    async with connect(ClientOptions(endpoints=cluster3.endpoints)) as client:
        lease = (await client.lease.grant(3660)).id
        await client.kv.put("/a", "1", lease=lease)
        clock = [1000.0]
        book = LeaseBook(client, now=lambda: clock[0])
        await book.read([lease])
        assert book.rows[lease].state is LeaseState.UNKNOWN, "one sample says nothing"
        clock[0] += 100
        leader = await cluster3.leader()
        others = [member for member in cluster3.members if member is not leader]
        statuses = [await client.maintenance.status(member.client_url) for member in others]
        await client.maintenance.move_leader(statuses[0].member_id)

        async def in_a_new_term() -> bool:
            before = book.term
            await book.read([lease])
            return book.term > before

        before = book.term
        await eventually(lambda: in_a_new_term())
        assert book.term > before and book.rows[lease].state is LeaseState.UNKNOWN
        clock[0] += 5
        await book.read([lease])
        assert book.rows[lease].state is not LeaseState.ONE_SHOT or len(book.samples(lease)) > 1
        assert book.rows[lease].state is not LeaseState.DRAINING


def test_only_what_nobody_renews_is_said_to_vanish() -> None:
    now = 1000.0

    def row(ttl: int, granted: int, state: LeaseState, keys: tuple[bytes, ...] = (b"/a",)) -> LeaseRow:
        return LeaseRow(1, ttl, granted, keys, state=state, seen=now)

    assert row(12, 60, LeaseState.DRAINING).vanishes(now, 60)
    assert row(50, 3600, LeaseState.ONE_SHOT).vanishes(now, 60)
    assert row(9, 30, LeaseState.UNKNOWN).vanishes(now, 60), "past half of its time"
    assert not row(28, 30, LeaseState.UNKNOWN).vanishes(now, 60)
    assert not row(9, 10, LeaseState.RENEWED).vanishes(now, 60)
    assert not row(9, 60, LeaseState.EMPTY, ()).vanishes(now, 60)
    assert not LeaseRow(1).vanishes(now, 60)


async def test_a_lease_is_held_alive_until_it_is_let_go(etcd: Server) -> None:
    async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client:
        held = HeldLeases(client)
        lease = (await client.lease.grant(3)).id
        await held.hold(lease)
        assert held.ids == (lease,)
        await client.lease.revoke(lease)
        await eventually(lambda: not held.ids)
        assert lease in held.ended
        with pytest.raises(EtcdError):
            await held.hold(77)
        assert 77 not in held.ids
        await held.aclose()
