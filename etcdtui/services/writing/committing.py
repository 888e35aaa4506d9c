"""One guarded transaction whose outcome is always known, or said to be unknown.

Every step compares the key's ``mod_revision``, so sending a transaction twice can apply it only once. That is
how a lost answer is settled: ask again, and if the compare fails, look at the history for our own change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from etcdtui.client import Client, Compare, Op
from etcdtui.core.errors import Compacted, EtcdError, FutureRevision, NoSpace
from etcdtui.core.steps import Batch, Step
from etcdtui.core.types import KeyValue, RangeResult, TxnResult
from etcdtui.core.value import Value, record

RESOLVE_FOR = 15.0
"""Seconds in which a lost answer is settled before it is called unknown."""
RESOLVE_PAUSE = 0.25
SCAN_LIMIT = 512
"""Revisions looked at one by one when a bisection cannot decide."""


class Committed(Value):
    """Written at ``revision``; ``settled`` when the answer was lost and found out afterwards."""

    revision: int
    settled: bool = False


class Refused(Value):
    """Nothing was written: keys were not as expected. ``found`` is the state now, one for each step, in order."""

    found: tuple[KeyValue | None, ...]
    revision: int = 0
    settled: bool = False


class Unknown(Value):
    """The answer was lost and could not be settled: it may be written or not."""

    reason: str


Outcome: TypeAlias = Committed | Refused | Unknown


@record()
class Committing:
    """``resolve_for`` is how many seconds of ``clock`` a lost answer is asked for again."""

    client: Client
    resolve_for: float
    clock: Callable[[], float]

    async def commit(self, steps: Batch) -> Outcome:
        """Send the steps as one transaction under the caller's permit and find out what came of it."""
        floor = max((s.expected for s in steps), default=0)
        if any(s.before is None for s in steps):
            floor = max(floor, await self._revision_now(steps[0].key))
        try:
            return _outcome(await self._send(steps), steps)
        except NoSpace as error:
            return await self._settle_full(steps, floor, error)
        except EtcdError as error:
            if error.applied != "maybe":
                raise
            return await self._settle(steps, floor, error)

    async def _send(self, steps: Batch) -> TxnResult:
        compare = [
            Compare.mod_revision(s.key, "=", s.expected) if s.before else Compare.create_revision(s.key, "=", 0)
            for s in steps
        ]
        return await self.client.kv.txn(compare, [_op(s) for s in steps], [Op.get(s.key) for s in steps])

    async def _settle_full(self, steps: Batch, floor: int, error: NoSpace) -> Outcome:
        """The server answered, so it is over: the write that fills the database is told NOSPACE and is applied.

        Deletes go key by key then: etcd before 3.5.2 refuses every transaction while its database is full. Checking
        first is enough, for as long as the alarm stands no key can get another value.
        """
        found = tuple([await self._at(s.key, 0) for s in steps])
        revision = await self._revision_now(steps[0].key)
        if not all(as_expected(s, kv) for s, kv in zip(steps, found, strict=True)):
            return await self._whose(steps, floor, Refused(found, revision))
        if any(s.value is not None for s in steps):
            error.applied = "no"
            raise error
        for step in steps:
            answer = await self.client.kv.delete(step.key)
            revision = answer.header.revision if answer.header else revision
        return Committed(revision)

    async def _settle(self, steps: Batch, floor: int, first: EtcdError) -> Outcome:
        """Ask again until there is an answer; the compare makes asking again harmless."""
        deadline = self.clock() + self.resolve_for
        last = first
        while self.clock() < deadline:
            try:
                result = _outcome(await self._send(steps), steps)
                if isinstance(result, Committed):
                    return Committed(result.revision, settled=True)
                return await self._whose(steps, floor, result)
            except (Compacted, FutureRevision) as error:
                return Unknown(f"the history needed to find out is gone: {error.title}")
            except EtcdError as error:
                last = error
                await asyncio.sleep(RESOLVE_PAUSE)
        return Unknown(str(last))

    async def _whose(self, steps: Batch, floor: int, refused: Refused) -> Outcome:
        """The compare failed on the second try: because of our own first try, or of somebody else?"""
        revision = await self._first_change(steps[0], floor, refused.revision)
        if revision is None:
            untouched = all(as_expected(s, kv) for s, kv in zip(steps[:1], refused.found[:1], strict=True))
            if untouched:
                return Refused(refused.found, refused.revision, settled=True)
            return Unknown("the key changed several times since; its history does not tell which change was ours")
        for step in steps:
            kv = await self._at(step.key, revision)
            if step.value is None and kv is None:
                continue
            ours = kv is not None and kv.mod_revision == revision and kv.value == step.value
            if not ours or (kv is not None and kv.lease != step.final_lease):
                return Refused(refused.found, refused.revision, settled=True)
        return Committed(revision, settled=True)

    async def _first_change(self, step: Step, floor: int, now: int) -> int | None:
        """The revision of the first change of ``step.key`` after ``floor``; ``None`` when none is found."""
        if step.before is None:
            for revision in range(floor + 1, min(now, floor + SCAN_LIMIT) + 1):
                if await self._at(step.key, revision) is not None:
                    return revision
            return None
        low, high = floor, now
        if as_expected(step, await self._at(step.key, now)):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if as_expected(step, await self._at(step.key, middle)):
                low = middle
            else:
                high = middle
        return high

    async def _at(self, key: bytes, revision: int) -> KeyValue | None:
        found = await self.client.kv.get(key, revision=revision)
        return found.kvs[0] if found.kvs else None

    async def _revision_now(self, key: bytes) -> int:
        """The store's revision, asked with a key that the write needs anyway: a limited user may read no other."""
        found = await self.client.kv.get(key, count_only=True)
        return found.header.revision if found.header else 0


def as_expected(step: Step, kv: KeyValue | None) -> bool:
    """Whether ``kv`` is the state the step expects."""
    return (kv.mod_revision if kv else 0) == step.expected


def _op(step: Step) -> Op:
    if step.value is None:
        return Op.delete(step.key)
    if step.keep_lease and step.before is not None:
        return Op.put(step.key, step.value, ignore_lease=True)
    return Op.put(step.key, step.value, lease=step.lease)


def _outcome(result: TxnResult, steps: Batch) -> Committed | Refused:
    revision = result.header.revision if result.header else 0
    if result.succeeded:
        return Committed(revision)
    found = []
    for answer in result.responses:
        kvs = answer.kvs if isinstance(answer, RangeResult) else ()
        found.append(kvs[0] if kvs else None)
    return Refused(tuple(found), revision)
