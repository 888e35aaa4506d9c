"""Clients that ask at random, and the notes they take."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from etcdtui.client import Cache, Client, Compare, Event, EventType, KeyValue, Op, RangeResult, TxnResult, errors
from etcdtui.client.kv import KV
from tests.robustness.history import (
    Answer,
    Batch,
    Call,
    Change,
    Condition,
    Delete,
    Fate,
    Get,
    Pair,
    Put,
    Request,
    Result,
    Step,
    Watch,
)

KEYS = tuple(f"key{number}" for number in range(8))
PREFIX = "key"
TIMEOUTS = (0.3, 0.5, 1.0, 2.0)
ALIVE = 7200
"""Seconds a lease lasts: none expires by itself."""


class Notes:
    """Everything that was asked and seen, by all clients; ``newest`` is the newest revision anybody saw.

    ``progress``: whether the server may be asked for progress; old ones answer too early.
    """

    def __init__(self, seed: int, *, progress: bool = True) -> None:
        self.progress = progress
        self.random = random.Random(seed)
        self.calls: list[Call] = []
        self.watches: list[Watch] = []
        self.complaints: list[str] = []
        self.counts: Counter[str] = Counter()
        self.newest = 1
        self.told = 1
        self._ahead: set[int] = set()
        self._value = 0

    def tell(self, revision: int) -> None:
        """A watch of everything told of a revision; all up to ``told`` were."""
        self._ahead.add(revision)
        while self.told + 1 in self._ahead:
            self.told += 1
            self._ahead.discard(self.told)

    def value(self) -> str:
        self._value += 1
        return str(self._value)

    def timeout(self) -> float:
        return self.random.choice(TIMEOUTS)


class Talker:
    """One client that asks one request after the other."""

    def __init__(self, notes: Notes, number: int, client: Client) -> None:
        self.notes, self.number, self.client = notes, number, client
        self.seen = 0
        self._lease = 0

    async def ask(self, request: Request, call: Callable[[], Awaitable[Any]], *, cut: float | None = None) -> Any:
        """The answer, or ``None``; what came of it is noted. ``cut`` gives up after so many seconds."""
        notes, began = self.notes, time.monotonic_ns()
        asking = asyncio.ensure_future(call())
        fate: Fate = "done"
        answer, error, result = None, "", None
        try:
            if cut is not None:
                await asyncio.wait({asking}, timeout=cut)
                asking.cancel()
            result = await asking
            answer = _answer(request, result)
            self.seen = answer.revision
            notes.newest = max(notes.newest, answer.revision)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                asking.cancel()
                raise
            fate, error = "no" if request.kind in ("read", "serial") else "maybe", "given up"
        except errors.EtcdError as failure:
            fate, error = failure.applied, type(failure).__name__
        except Exception as failure:
            fate, error = "maybe", repr(failure)
            notes.complaints.append(f"an error without a type: {failure!r} of {request}")
        notes.counts[f"{request.kind} {error or 'done'} {fate}"] += 1
        notes.calls.append(Call(self.number, began, time.monotonic_ns(), request, fate, answer, error))
        return result

    async def read(self, get: Get, kind: Any = "read", kv: KV | None = None) -> RangeResult | None:
        timeout = self.notes.timeout()

        async def call() -> RangeResult:
            return await (kv or self.client.kv).get(
                get.key,
                prefix=get.prefix,
                limit=get.limit,
                revision=get.revision,
                keys_only=get.keys_only,
                serializable=kind == "serial",
                timeout=timeout,
            )

        found = await self.ask(Request(kind, then=(get,)), call)
        return found if isinstance(found, RangeResult) else None

    async def pages(self) -> None:
        timeout = self.notes.timeout()

        async def call() -> RangeResult:
            pages = [p async for p in self.client.kv.pages(PREFIX, prefix=True, page_size=3, timeout=timeout)]
            pairs = tuple(kv for page in pages for kv in page.kvs)
            return RangeResult(pairs, False, len(pairs), pages[0].header)

        await self.ask(Request("read", then=(Get(PREFIX, prefix=True),)), call)

    async def put(self, key: str, *, lease: int = 0, cut: float | None = None) -> Any:
        step, timeout = Put(key, self.notes.value(), lease), self.notes.timeout()
        request = Request("write", then=(step,))
        return await self.ask(
            request, lambda: self.client.kv.put(key, step.value, lease=lease, timeout=timeout), cut=cut
        )

    async def delete(self, key: str, cut: float | None) -> None:
        timeout = self.notes.timeout()
        await self.ask(
            Request("write", then=(Delete(key),)), lambda: self.client.kv.delete(key, timeout=timeout), cut=cut
        )

    async def txn(
        self,
        steps: Sequence[Step],
        *,
        conditions: Sequence[Condition] = (),
        otherwise: Sequence[Step] = (),
        cut: float | None = None,
    ) -> None:
        request = Request("txn", tuple(conditions), tuple(steps), tuple(otherwise))
        reads_only = all(isinstance(step, Get) for step in (*steps, *otherwise))
        if reads_only:
            request = Request("read", then=tuple(steps))
        timeout = self.notes.timeout()
        compare = [getattr(Compare, c.target)(c.key, "=", c.number) for c in conditions]
        await self.ask(
            request,
            lambda: self.client.kv.txn(compare, [_op(s) for s in steps], [_op(s) for s in otherwise], timeout=timeout),
            cut=cut,
        )

    async def some(self) -> None:
        """One request, drawn."""
        draw = self.notes.random
        key = draw.choice(KEYS)
        cut = draw.uniform(0.0, 0.01) if draw.random() < 0.02 else None
        kinds = {
            "get": 15, "list": 5, "keys": 3, "pages": 4, "old": 6, "old list": 4, "read txn": 4,
            "put": 20, "delete": 6, "txn": 10, "cas": 8, "version": 3, "lease": 5, "revoke": 3,
        }  # fmt: skip
        match draw.choices(list(kinds), list(kinds.values()))[0]:
            case "get":
                await self.read(Get(key))
            case "list":
                await self.read(Get(PREFIX, prefix=True, limit=draw.choice((0, 0, 3))))
            case "keys":
                await self.read(Get(PREFIX, prefix=True, keys_only=True))
            case "pages":
                await self.pages()
            case "old":
                await self.read(Get(key, revision=self.seen))
            case "old list":
                await self.read(Get(PREFIX, prefix=True, revision=self.seen))
            case "read txn":
                await self.txn([Get(k) for k in draw.sample(KEYS, 2)])
            case "put":
                await self.put(key, cut=cut)
            case "delete":
                await self.delete(key, cut)
            case "txn":
                await self.txn([self._step(k) for k in draw.sample(KEYS, 4)], cut=cut)
            case "cas" | "version" as how:
                await self._compare_and_swap(key, how, cut)
            case "lease":
                await self._put_with_lease(key, cut)
            case _:
                await self._revoke()

    def _step(self, key: str) -> Step:
        kind = self.notes.random.choices(("get", "put", "delete"), (4, 5, 1))[0]
        return Get(key) if kind == "get" else Delete(key) if kind == "delete" else Put(key, self.notes.value())

    async def _compare_and_swap(self, key: str, how: str, cut: float | None) -> None:
        found = await self.read(Get(key))
        if found is None:
            return
        kv = found.kvs[0] if found.kvs else None
        value = kv.value.decode() if kv else None
        condition = Condition(key, "mod_revision", kv.mod_revision if kv else 0, value)
        if how == "version" and kv:
            condition = Condition(key, "version", kv.version, value)
        otherwise = [Get(key)] if self.notes.random.random() < 0.5 else []
        await self.txn([Put(key, self.notes.value())], conditions=[condition], otherwise=otherwise, cut=cut)

    async def _put_with_lease(self, key: str, cut: float | None) -> None:
        if not self._lease:
            try:
                self._lease = (await self.client.lease.grant(ALIVE, timeout=self.notes.timeout())).id
            except errors.EtcdError:
                return
        await self.put(key, lease=self._lease, cut=cut)

    async def _revoke(self) -> None:
        if lease := self._lease:
            timeout = self.notes.timeout()
            await self.ask(Request("revoke", number=lease), lambda: self.client.lease.revoke(lease, timeout=timeout))
            self._lease = 0

    async def run(self, stop: asyncio.Event, pause: float) -> None:
        while not stop.is_set():
            await self.some()
            await asyncio.sleep(self.notes.random.uniform(0, 2 * pause))

    async def compact(self, stop: asyncio.Event) -> None:
        """Compact at random, mostly what all have seen long ago."""
        draw = self.notes.random
        while not stop.is_set():
            await asyncio.sleep(draw.uniform(0.5, 2.0))
            newest = self.notes.newest
            # What no watch of everything has told of yet would be lost to the judge.
            revision = max(1, min(newest - draw.choice((0, 5, 50, 50)), self.notes.told))
            timeout = self.notes.timeout()

            async def call(revision: int = revision, timeout: float = timeout) -> object:
                return await self.client.kv.compact(revision, timeout=timeout)

            await self.ask(Request("compact", number=revision), call)

    async def read_in_order(self, stop: asyncio.Event) -> None:
        """Serializable reads that never go back."""
        ordered, newest = self.client.ordered(), 0
        while not stop.is_set():
            found = await self.read(Get(self.notes.random.choice(KEYS)), "serial", ordered)
            if found is not None and found.header is not None:
                if found.header.revision < newest:
                    self.notes.complaints.append(f"ordered() went back from {newest} to {found.header.revision}")
                newest = max(newest, found.header.revision)
            await asyncio.sleep(self.notes.random.uniform(0, 0.1))


class Onlooker:
    """One client that watches, or reads from a cache."""

    def __init__(self, notes: Notes, number: int, client: Client) -> None:
        self.notes, self.number, self.client = notes, number, client
        self._last = 1

    async def everything(self, until: asyncio.Future[int], previous: bool) -> None:
        """All from the beginning, over compactions, until the revision that ``until`` tells in the end."""
        start = 2
        while not (until.done() and self._last >= until.result()):
            reading = asyncio.create_task(self.watch("", True, start, previous=previous, asks=0.5))
            while not reading.done() and not (until.done() and self._last >= until.result()):
                await asyncio.wait({reading}, timeout=0.1)
            reading.cancel()
            error = (await asyncio.gather(reading, return_exceptions=True))[0]
            start = self._last + 1
            if isinstance(error, errors.Compacted):
                start = max(start, error.compact_revision)

    def _note(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.notes.tell(change.revision)
            self._last = max(self._last, change.revision)

    async def some(self, stop: asyncio.Event) -> None:
        """Short watches of all kinds, one after the other."""
        draw = self.notes.random
        while not stop.is_set():
            single = draw.random() < 0.3
            kind = draw.random()
            await self.watch(
                draw.choice(KEYS) if single else PREFIX,
                not single,
                0 if draw.random() < 0.4 else max(1, self.notes.newest + draw.randint(-60, 40)),
                seconds=draw.uniform(0.3, 3.0),
                previous=draw.random() < 0.5,
                progress=draw.random() < 0.7,
                no_put=kind < 0.1,
                no_delete=kind > 0.9,
                asks=draw.choice((0.0, 0.0, 0.3)),
            )
            await asyncio.sleep(draw.uniform(0, 0.2))

    async def cached(self, stop: asyncio.Event) -> None:
        """Reads from a cache that was made current: as true as reads of the store, whatever happens meanwhile."""
        notes = self.notes
        async with Cache(self.client, PREFIX, prefix=True, timeout=0) as cache:
            while not stop.is_set():
                request, began = Request("read", then=(Get(PREFIX, prefix=True),)), time.monotonic_ns()
                fate: Fate = "no"
                answer, error = None, ""
                try:
                    await cache.current(notes.timeout())
                    pairs = tuple(_pair(kv, False) for kv in cache.items())
                    fate, answer = "done", Answer(cache.revision, True, (Result(pairs, len(pairs)),))
                except errors.EtcdError as failure:
                    error = type(failure).__name__
                    if cache.error is not None:
                        notes.complaints.append(f"the cache ended: {cache.error!r}")
                        return
                notes.counts[f"cache {error or 'done'} {fate}"] += 1
                notes.calls.append(Call(self.number, began, time.monotonic_ns(), request, fate, answer, error))
                await asyncio.sleep(notes.random.uniform(0, 0.2))

    async def watch(
        self,
        key: str,
        prefix: bool,
        start: int,
        *,
        seconds: float | None = None,
        previous: bool = False,
        progress: bool = True,
        no_put: bool = False,
        no_delete: bool = False,
        asks: float = 0.0,
    ) -> errors.EtcdError | None:
        """One watch, noted; returns what ended it. ``asks`` is how often it asks for progress."""
        notes = self.notes
        batches: list[Batch] = []
        watcher = self.client.watch(
            key,
            prefix=prefix,
            start_revision=start,
            prev_kv=previous,
            progress_notify=progress,
            no_put=no_put,
            no_delete=no_delete,
            timeout=2.0,
        )

        async def ask() -> None:
            while True:
                await asyncio.sleep(notes.random.uniform(asks, 2 * asks))
                try:
                    told = await watcher.progress(1.0)
                except errors.EtcdError as error:
                    notes.counts[f"progress {type(error).__name__}"] += 1
                else:
                    notes.counts["progress told"] += 1
                    notes.newest = max(notes.newest, told)

        error: errors.EtcdError | None = None
        asking: asyncio.Task[None] | None = None
        try:
            async with watcher:
                start = start or watcher.next_revision
                if not start:
                    notes.complaints.append("a watch from now began without knowing where")
                asking = asyncio.create_task(ask()) if asks and notes.progress else None
                async with asyncio.timeout(seconds):
                    async for batch in watcher:
                        changes = tuple(_change(event) for event in batch.events)
                        batches.append(Batch(time.monotonic_ns(), batch.revision, changes, batch.progress))
                        if not key:
                            self._note(changes)
        except TimeoutError:
            pass
        except errors.EtcdError as failure:
            error = failure
            expected = isinstance(failure, errors.Compacted) or (not start and not batches)
            if not expected:
                notes.complaints.append(f"a watch of {key!r} from {start} ended: {failure!r}")
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            name = type(error).__name__ if error else ""
            notes.counts[f"watch {name or 'left'}"] += 1
            if start:
                notes.watches.append(
                    Watch(self.number, key, prefix, start, tuple(batches), previous, no_put, no_delete, name)
                )
        return error


def _op(step: Step) -> Op:
    match step:
        case Get():
            return Op.get(step.key)
        case Put():
            return Op.put(step.key, step.value, lease=step.lease)
        case Delete():
            return Op.delete(step.key)


def _answer(request: Request, answer: Any) -> Answer:
    revision = answer.header.revision
    if isinstance(answer, TxnResult):
        steps = request.then if answer.succeeded else request.otherwise
        return Answer(revision, answer.succeeded, tuple(map(_result, steps, answer.responses)))
    return Answer(revision, True, tuple(_result(step, answer) for step in request.then))


def _result(step: Step, answer: Any) -> Result:
    match step:
        case Get():
            return Result(tuple(_pair(kv, step.keys_only) for kv in answer.kvs), answer.count)
        case Delete():
            return Result(deleted=answer.deleted)
        case Put():
            return Result()


def _pair(kv: KeyValue, keys_only: bool) -> Pair:
    value = None if keys_only else kv.value.decode()
    return Pair(kv.key.decode(), value, kv.create_revision, kv.mod_revision, kv.version)


def _change(event: Event) -> Change:
    kv, before = event.kv, event.prev_kv
    return Change(
        kv.mod_revision,
        kv.key.decode(),
        kv.value.decode() if event.type is EventType.PUT else None,
        event.is_create,
        (before.value.decode(), before.mod_revision) if before else None,
    )
