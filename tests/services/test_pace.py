"""A walk beside other people's work: slower where answers are late, and at a follower where no pause helps."""

from __future__ import annotations

import asyncio

from etcdtui.client import Client, ClientOptions
from etcdtui.core.listing import AIM, WALK
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.pace import LATE_OF, LEAST, LEVELS, LONG, Pace
from etcdtui.services.reads.reading import Follower
from tests.services.looking_support import Large, expected, fill
from tests.support import Server

KEYS = [b"/k/%d/%04d" % (n % 7, n) for n in range(3_000)]


class Pauses:
    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


async def test_late_answers_make_pauses_and_those_in_time_end_them() -> None:
    pauses = Pauses()
    pace = Pace(pause=pauses)
    pace.answered(0.001, 10_000)
    assert pace.keys == AIM <= WALK, "nothing is known to be slow"
    for _ in range(len(LEVELS)):
        pace.answered(0.050, 10_000)
    async with pace.turn(10_000):
        pass
    assert pauses.taken and pauses.taken[-1] >= 0.1
    for _ in range(200):
        pace.answered(0.001, 10_000)
    async with pace.turn(10_000):
        pass
    assert len(pauses.taken) == 1 and not pace.pause and not pace.struggling


async def test_a_slow_server_walks_fewer_keys_for_one_request_and_few_requests_at_a_time() -> None:
    pace = Pace(pause=Pauses())
    for _ in range(20):
        pace.answered(0.020, 10_000)
    assert LEAST <= pace.keys <= LONG / 0.020 * 10_000 * 1.3
    entered = 0

    async def walk() -> None:
        nonlocal entered
        async with pace.turn(pace.keys):
            entered += 1
            await asyncio.Event().wait()

    walks = [asyncio.create_task(walk()) for _ in range(9)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert 1 <= entered <= 3
    for task in walks:
        task.cancel()
    await asyncio.gather(*walks, return_exceptions=True)


async def test_where_no_pause_helps_a_follower_is_asked_and_named(cluster3: Server) -> None:
    leader = await cluster3.leader()
    member = next(one for one in cluster3.members if one is not leader)
    client = await Client.open(ClientOptions(endpoints=(leader.endpoint, member.endpoint)))
    try:
        await fill(client, KEYS)
        await client.posts.all()
        client.posts.refine(b"\0", b"\0", [(b"/k/%d/0000" % n, 430.0) for n in range(7)])
        reads = Large(client, follower=lambda: Follower(member.endpoint, "m-two"))
        reads._answered(reads._clock(), 1_000, 0)
        for _ in range(LATE_OF + len(LEVELS)):
            reads._answered(reads._clock() - 1.0, 1_000, 0)
        assert reads.aside is not None and not reads.pace.struggling, "judged anew from now on"
        found: dict[bytes, int] = {}
        where = set()
        async for page in Listing(reads, b"/k/", (b"/",)).pages():
            found.update((row.name, row.count) for rows in page.rows for row in rows)
            found.update(page.counts)
            where.add(page.where)
        assert found == expected(KEYS, b"/k/", (b"/",))
        assert where == {"m-two, a follower"}
    finally:
        await client.aclose()
