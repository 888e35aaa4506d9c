"""Bounded reads for listings and searches: many small ranges at one revision, stale ones when nobody leads.

Everything below asks through ``Reads``, so the number of operations in one transaction, the deadline, what happens
on a server with a lower limit and on a cluster without a leader are decided in one place. So is how much one request
makes a server walk: at most ``core.listing.WALK`` keys, fewer where that takes long (``pace``). Where more may be in a
range it is cut at names known to lie in it (``chart``); whoever asks says how many keys there may be (``guess``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar

from etcdtui.client import Client, Op
from etcdtui.client._transport.shelter import breaks_off_badly
from etcdtui.client.key_lists import KeyList, KeyLists, KeyRange
from etcdtui.core import ranges
from etcdtui.core.chart import Chart
from etcdtui.core.errors import (
    Compacted,
    DeadlineExceeded,
    EtcdError,
    NoLeader,
    NoSpace,
    NotSupported,
    TooManyOps,
    Unavailable,
)
from etcdtui.core.listing import WALK, Survey
from etcdtui.core.tasks import awaited
from etcdtui.core.types import RangeResult
from etcdtui.core.value import record
from etcdtui.services.reads.pace import Pace

MAX_OPS = 120
"""Operations of one transaction; servers allow 128 unless told otherwise."""
ALONE_AT_ONCE = 8
"""Ranges in flight where the server takes no transaction of that size."""
READ_DEADLINE = 10.0
"""Seconds that a page of keys gets even where the profile allows less to one request."""
ALONE_FOR = 10.0
"""Seconds for which no transactions are tried after one was refused because the database is full."""
ASK_FROM = 1_000_000
"""Keys that may be in a store from which nothing is walked blindly: the person is asked before."""
LOOK_UP = 0.25
"""Seconds after which a read under way looks whether there is still a leader to answer it."""
STALE_FOR = 5.0
"""Seconds for which reads stay serializable after a read found no leader."""


@record()
class Want:
    """One range to read; an empty ``end`` is the single key. Without ``values`` only the keys come.

    ``revision`` 0 is the one all of a request are read at. ``guess`` is how many keys there may be in the range: what
    is asked for together walks no more of them than one request may.
    """

    key: bytes
    end: bytes = b""
    limit: int = 0
    values: bool = False
    count_only: bool = False
    revision: int = 0
    guess: int = 1


@record()
class Follower:
    """A member that does not lead: ``name`` as people call it."""

    endpoint: str
    name: str


Answer = TypeVar("Answer")


async def _some_at_once(reads: Sequence[Callable[[], Awaitable[Answer]]]) -> list[Answer]:
    """All answers in order, ``ALONE_AT_ONCE`` requests in flight."""
    slots = asyncio.Semaphore(ALONE_AT_ONCE)

    async def one(read: Callable[[], Awaitable[Answer]]) -> Answer:
        async with slots:
            return await read()

    return await asyncio.gather(*(one(read) for read in reads))


def _packed(wants: Sequence[Want], most: int) -> list[list[Want]]:
    """Groups of neighbours that hold no more than ``most`` keys together."""
    groups: list[list[Want]] = []
    walked = 0
    for want in wants:
        if not groups or walked + want.guess > most:
            groups.append([])
            walked = 0
        groups[-1].append(want)
        walked += want.guess
    return groups


def older_than_streams(version: str) -> bool:
    """Whether a server of this version is known to have no RangeStream: those before 3.7."""
    numbers = version.split(".")
    return len(numbers) >= 2 and all(n.isdigit() for n in numbers[:2]) and tuple(map(int, numbers[:2])) < (3, 7)


class Reads:
    """Reads of one client. ``leaderless`` tells what is known now, so that no read waits for a missing leader."""

    def __init__(
        self,
        client: Client,
        *,
        leaderless: Callable[[], bool] = lambda: False,
        version: Callable[[], str] = lambda: "",
        most_keys: Callable[[], int] = lambda: 0,
        follower: Callable[[], Follower | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.pace = Pace()
        self.aside: Follower | None = None
        """The member that pinned walks go to since the others could not keep their pace beside them."""
        self.listings: list[object] = []
        """What lists now, in the order it was begun: the last is what somebody waits for."""
        self._follower = follower
        self.max_ops = MAX_OPS
        allowed = client.options.command_timeout
        self.deadline = max(READ_DEADLINE, allowed) if allowed else 0.0
        self._leaderless = leaderless
        self._version = version
        self._most_keys = most_keys
        self._clock = clock
        self._stale_until = float("-inf")
        self._alone_until = float("-inf")
        self._streams = True
        self.requests = 0

    @property
    def stale(self) -> bool:
        """Whether reads are answered by one member from what it has, perhaps behind the others."""
        return self._leaderless() or self._clock() < self._stale_until

    # --- how large the store is, and where its keys lie ------------------------------------------------------

    @property
    def most_keys(self) -> int:
        """More keys than this can hardly be in the store; 0 when nothing tells."""
        posts = self.client.posts
        known = [most for most in (self._most_keys(), round(posts.chart.most * 1.5) if posts.learnt else 0) if most]
        return min(known, default=0)

    @property
    def small_store(self) -> bool:
        """Whether so few keys can be in the store that walking all of them holds up nobody."""
        return 0 < self.most_keys <= WALK

    @property
    def walk(self) -> int:
        """How many keys one request should make the server walk now."""
        return self.pace.keys

    def learn(self) -> None:
        """Begin to learn where keys lie, unless the store is so small that nobody needs it."""
        if not 0 < self._most_keys() <= WALK:
            follower = self._follower()
            self.client.posts.learn(follower.endpoint if follower is not None else None)

    async def chart(self, *, first: bool = False) -> Chart:
        """What is known of where keys lie: all of it, or the ``first`` names."""
        self.learn()
        posts = self.client.posts
        return await (posts.first() if first else posts.all())

    async def names_survey(self, prefix: bytes, within: tuple[bytes, bytes], *, after: bytes = b"") -> Survey:
        """A survey of all keys of a range behind ``after``, cut where names are known."""
        chart = None if self.small_store else await self.chart()
        start = ranges.next_key(after) if after else b""
        return Survey(
            prefix, (), within=within, small=self.small_store, start=start, rows=False, chart=chart, wary=True
        )

    async def about(self, prefix: bytes, within: tuple[bytes, bytes]) -> tuple[int, int]:
        """How many keys a range holds, and at which revision that was; about, where counting would walk many."""
        area = ranges.intersect(ranges.prefix_range(prefix), within)
        if area is None:
            return 0, 0
        if not self.small_store:
            survey = await self.names_survey(prefix, within)
            known = survey.layout.keys if survey.layout is not None else 0
            if not self.small_store and known > WALK // 2:
                return round(known), await self.revision(area[0])
            if survey.blind and self.most_keys >= ASK_FROM:
                return self.most_keys, await self.revision(area[0])
        result = await self.one(Want(*area, count_only=True, guess=self.walk))
        return result.count, result.header.revision if result.header else 0

    async def revision(self, key: bytes) -> int:
        """The newest revision, told by the answer about a single key that may be read."""
        result = await self.one(Want(key or ranges.ALL[0]))
        return result.header.revision if result.header else 0

    @property
    def streams(self) -> bool:
        """Whether the server may stream ranges, which it does from 3.7 on and without counting them."""
        return self._streams and not older_than_streams(self._version())

    async def stream(self, start: bytes, end: bytes, revision: int = 0) -> AsyncGenerator[list[bytes], None]:
        """The keys of ``[start, end)`` in parts, the deadline for each. ``NotSupported`` where there are none."""
        self.requests += 1
        chunks = self.client.kv.key_stream(start, end, revision=revision, serializable=self.stale)
        async with aclosing(chunks):
            while True:
                try:
                    async with asyncio.timeout(self.deadline or None):
                        keys = await anext(chunks, None)
                except NotSupported:
                    self._streams = False
                    raise
                except TimeoutError:
                    raise DeadlineExceeded(f"no more keys came within {self.deadline:g} s") from None
                if keys is None:
                    return
                yield keys

    def _size(self) -> int:
        """Operations that one transaction may have now.

        Old servers end when one is broken off, as it is when this program is killed: there it is single ranges.
        """
        return 1 if self._clock() < self._alone_until or breaks_off_badly(self._version()) else self.max_ops

    async def one(self, want: Want, revision: int = 0) -> RangeResult:
        return (await self.many([want], revision))[0]

    async def many(self, wants: Sequence[Want], revision: int = 0) -> list[RangeResult]:
        """The answers in order. At ``revision`` 0 all are of one and the same revision, the newest."""
        results: list[RangeResult] = []
        for part in _packed(wants, self.walk):
            async with self.pace.turn(sum(want.guess for want in part)):
                started = self._clock()
                found = await self._or_stale(partial(self._many, part, revision))
                self._answered(started, sum(one.count for one in found), sum(len(one.kvs) for one in found))
            results += found
            revision = revision or (found[0].header.revision if found and found[0].header else 0)
        return results

    async def keys(self, wanted: Sequence[KeyRange], revision: int = 0, *, guess: int = 0) -> KeyLists:
        """Names and counts alone, in order and all of one revision: nothing is built for a key but its bytes.

        About ``guess`` keys are walked for it.
        """
        async with self.pace.turn(guess):
            started = self._clock()
            answer = await self._or_stale(partial(self._keys, wanted, revision))
            found = answer.lists
            self._answered(started, sum(one.count for one in found), sum(len(one.keys) for one in found))
        return answer

    def _answered(self, started: float, walked: int, returned: int) -> None:
        self.pace.answered(self._clock() - started, walked, returned)
        if self.pace.struggling:
            self.step_aside()

    @property
    def follower(self) -> Follower | None:
        """The member that long walks can go to, if there is one beside the leader."""
        return self.aside or self._follower()

    def step_aside(self) -> None:
        """Send what is read at one revision to a follower from now on: there a walk holds up nobody's commit."""
        if self.aside is None and (follower := self._follower()) is not None:
            self.aside = follower
            self.pace.begin_anew()

    async def _or_stale(self, read: Callable[[bool], Coroutine[None, None, Answer]]) -> Answer:
        """The answer of the cluster, or of one member when there is no leader or it is lost while the read waits."""
        if self.stale:
            return await read(True)
        asking = awaited(read(False), "read")
        try:
            while not (await asyncio.wait({asking}, timeout=LOOK_UP))[0]:
                if self._leaderless():
                    break
            else:
                try:
                    return asking.result()
                except NoLeader:
                    pass
                except (DeadlineExceeded, Unavailable):
                    if not self._leaderless():
                        raise
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        self._stale_until = self._clock() + STALE_FOR
        return await read(True)

    async def _keys(self, wanted: Sequence[KeyRange], revision: int, stale: bool) -> KeyLists:
        if len(wanted) > self._size():
            return await self._keys_in_parts(wanted, revision, stale)
        self.requests += 1
        try:
            if revision and self.aside is not None and not stale:
                return await self._keys_aside(wanted, revision, self.aside)
            return await self.client.kv.keys(
                wanted, revision=revision, serializable=stale, timeout=self.deadline, at_once=True
            )
        except NoSpace:
            self._alone_until = self._clock() + ALONE_FOR
        except TooManyOps:
            self.max_ops = max(1, len(wanted) // 2)
        return await self._keys_in_parts(wanted, revision, stale)

    async def _keys_aside(self, wanted: Sequence[KeyRange], revision: int, member: Follower) -> KeyLists:
        """From the member that is not in others' way; where that fails, or is behind, from any again."""
        kv = self.client.kv
        try:
            return await kv.keys(
                wanted,
                revision=revision,
                serializable=True,
                timeout=self.deadline,
                at_once=True,
                endpoint=member.endpoint,
            )
        except (Compacted, TooManyOps, NoSpace):
            raise
        except EtcdError:
            self.aside = None
        return await kv.keys(wanted, revision=revision, timeout=self.deadline, at_once=True)

    async def _keys_in_parts(self, wanted: Sequence[KeyRange], revision: int, stale: bool) -> KeyLists:
        size = self._size()
        parts = [wanted[i : i + size] for i in range(0, len(wanted), size)]
        first = await self._keys(parts[0], revision, stale)
        pinned = revision or first.revision
        rest = await _some_at_once([partial(self._keys, part, pinned, stale) for part in parts[1:]])
        lists: list[KeyList] = list(first.lists)
        for answer in rest:
            lists += answer.lists
        return KeyLists(tuple(lists), first.revision)

    async def _many(self, wants: Sequence[Want], revision: int, stale: bool) -> list[RangeResult]:
        if len(wants) == 1:
            return [await self._alone(wants[0], revision, stale)]
        if len(wants) > self._size():
            return await self._in_parts(wants, revision, stale)
        self.requests += 1
        ops = [
            Op.get(
                want.key,
                range_end=want.end or None,
                limit=want.limit,
                revision=want.revision or revision,
                serializable=stale,
                keys_only=not want.values and not want.count_only,
                count_only=want.count_only,
            )
            for want in wants
        ]
        try:
            result = await self.client.kv.txn(success=ops, timeout=self.deadline)
        except NoSpace:  # etcd before 3.5.2 refuses even a transaction of reads while its database is full
            self._alone_until = self._clock() + ALONE_FOR
            return await self._in_parts(wants, revision, stale)
        except TooManyOps:
            self.max_ops = max(1, len(wants) // 2)
            return await self._in_parts(wants, revision, stale)
        return [
            RangeResult(response.kvs, response.more, response.count, result.header)
            for response in result.responses
            if isinstance(response, RangeResult)
        ]

    async def _in_parts(self, wants: Sequence[Want], revision: int, stale: bool) -> list[RangeResult]:
        """Smaller transactions, all pinned to the revision of the first."""
        size = self._size()
        parts = [wants[i : i + size] for i in range(0, len(wants), size)]
        found = await self._many(parts[0], revision, stale)
        pinned = revision or (found[0].header.revision if found[0].header else 0)
        for answers in await _some_at_once([partial(self._many, part, pinned, stale) for part in parts[1:]]):
            found += answers
        return found

    async def _alone(self, want: Want, revision: int, stale: bool) -> RangeResult:
        self.requests += 1
        return await self.client.kv.get(
            want.key,
            range_end=want.end or None,
            limit=want.limit,
            revision=want.revision or revision,
            serializable=stale,
            keys_only=not want.values and not want.count_only,
            count_only=want.count_only,
            timeout=self.deadline,
        )
