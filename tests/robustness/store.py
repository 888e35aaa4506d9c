"""Whether all calls fit one order: that of their revisions, replayed from what the watches told."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from tests.robustness import register
from tests.robustness.history import Answer, Call, Change, Delete, Get, History, Pair, Put, Request, Result, Watch
from tests.robustness.history import Step as Asked

FIRST = 1
"""The revision of an empty store."""

Changed = set[tuple[str, str | None]]
Log = dict[int, tuple[Change, ...]]


@dataclass(frozen=True)
class Kept:
    """A key in the store."""

    value: str
    created: int
    modified: int
    version: int
    lease: int = 0

    def pair(self, key: str, *, keys_only: bool) -> Pair:
        return Pair(key, None if keys_only else self.value, self.created, self.modified, self.version)


State = dict[str, Kept]


def merged(watches: Iterable[Watch], *, loses_a_delete: bool = False) -> tuple[Log, list[str]]:
    """Every revision as the watches of everything told it, and where they contradict each other.

    ``loses_a_delete``: the server is so old that a watch from the revision of the compaction lacks its deletions.
    """
    log: Log = {}
    complaints: list[str] = []
    for watch in watches:
        if watch.key or not watch.prefix or watch.no_put or watch.no_delete:
            continue
        told: dict[int, list[Change]] = defaultdict(list)
        for change in watch.changes:
            told[change.revision].append(change)
        for revision, changes in told.items():
            plain = tuple(replace(c, previous=None) for c in sorted(changes, key=lambda c: c.key))
            known = log.setdefault(revision, plain)
            fewer, more = sorted((known, plain), key=len)
            different = {c.what for c in more} - {c.what for c in fewer}
            if different and not (loses_a_delete and all(value is None for _, value in different)):
                complaints.append(f"revision {revision} was told as {known} and as {plain}")
            log[revision] = more
    last = max(log, default=FIRST)
    if missing := [r for r in range(FIRST + 1, last) if r not in log]:
        complaints.append(f"no watch ever told of the revisions {missing[:10]}")
    return log, complaints


class Store:
    """The store at every revision; ``leases`` says to which lease a value was put, ``compacted`` which revisions may
    have been compacted away meanwhile."""

    def __init__(self, log: Log, leases: dict[str, int], compacted: int = 0) -> None:
        self.log = log
        self.compacted = compacted
        self.last = max(log, default=FIRST)
        self._states: list[State] = [{}]
        for revision in range(FIRST + 1, self.last + 1):
            state = dict(self._states[-1])
            for change in log.get(revision, ()):
                if change.value is None:
                    state.pop(change.key, None)
                else:
                    state[change.key] = _put(state, change.key, change.value, revision, leases.get(change.value, 0))
            self._states.append(state)

    def at(self, revision: int) -> State | None:
        """``None`` for a revision nobody told of."""
        place = revision - FIRST
        return self._states[place] if 0 <= place < len(self._states) else None

    def changed(self, revision: int) -> Changed:
        return {change.what for change in self.log.get(revision, ())}


def _put(state: State, key: str, value: str, revision: int, lease: int) -> Kept:
    old = state.get(key)
    return Kept(value, old.created if old else revision, revision, old.version + 1 if old else 1, lease)


def holds(state: State, request: Request) -> bool:
    for condition in request.conditions:
        kept = state.get(condition.key)
        number = 0 if kept is None else kept.modified if condition.target == "mod_revision" else kept.version
        if number != condition.number:
            return False
    return True


def run(state: State, request: Request, revision: int) -> tuple[bool, tuple[Result, ...], Changed]:
    """What ``request`` would answer and change in ``state`` if its writes were of ``revision``."""
    if request.kind == "revoke":
        gone: Changed = {(key, None) for key, kept in state.items() if kept.lease == request.number}
        return True, (), gone
    succeeded = holds(state, request)
    now = dict(state)
    changed: dict[str, str | None] = {}
    results = []
    for step in request.then if succeeded else request.otherwise:
        if isinstance(step, Put):
            now[step.key] = _put(now, step.key, step.value, revision, step.lease)
            changed[step.key] = step.value
            results.append(Result())
        elif isinstance(step, Delete):
            there = now.pop(step.key, None) is not None
            if there:
                changed[step.key] = None
            results.append(Result(deleted=int(there)))
        else:
            results.append(read(now, step))
    return succeeded, tuple(results), set(changed.items())


def read(state: State, get: Get) -> Result:
    keys = sorted(key for key in state if key.startswith(get.key)) if get.prefix else [get.key] * (get.key in state)
    shown = keys[: get.limit] if get.limit else keys
    return Result(tuple(state[key].pair(key, keys_only=get.keys_only) for key in shown), len(keys))


class Clock:
    """What had been seen of the store at a time: nothing that begins later may be of an older revision."""

    def __init__(self, seen: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(seen)
        self._times = [time for time, _ in ordered]
        self._newest = list(accumulate((revision for _, revision in ordered), max))

    def before(self, time: int) -> int:
        place = bisect_left(self._times, time)
        return self._newest[place - 1] if place else FIRST


class Linear:
    """Judges one history; ``complaints`` are sentences, none when all is well."""

    def __init__(self, history: History) -> None:
        self.history = history
        log, self.complaints = merged(history.watches, loses_a_delete=history.loses_a_delete)
        leases = {
            step.value: step.lease
            for call in history.calls
            for step in (*call.request.then, *call.request.otherwise)
            if isinstance(step, Put)
        }
        compacted = (c.request.number for c in history.calls if c.request.kind == "compact" and c.fate != "no")
        self.store = Store(log, leases, max(compacted, default=0))
        done = ((c.ended, c.answer.revision) for c in history.calls if c.answer and c.request.kind != "compact")
        told = ((b.time, b.revision) for w in history.watches for b in w.batches if b.changes or b.progress)
        self._clock = Clock([*done, *told])
        self.owners: dict[int, Call] = {}
        self.where = {what[1]: revision for revision in log for what in self.store.changed(revision) if what[1]}

    def check(self) -> list[str]:
        unknown = []
        for call in self.history.calls:
            if call.request.kind == "compact":
                continue
            if call.request.kind == "revoke" and call.fate != "no":
                unknown.append(call)  # etcd answers with the store's revision, not with that of the deletion
                self._revoked(call)
            elif call.answer is not None:
                self._done(call, call.answer)
            elif call.fate == "no":
                self._refused(call)
            elif call.request.kind in ("read", "serial"):
                self._complain(call, "a read may have been applied")
            else:
                unknown.append(call)
        self._explain(unknown)
        self._compare_final()
        return self.complaints

    def _complain(self, call: Call, words: str) -> None:
        self.complaints.append(f"{words}: {call}")

    def _done(self, call: Call, answer: Answer) -> None:
        request, revision = call.request, answer.revision
        if request.kind == "serial":
            return self._serial(call, answer)
        floor = self._clock.before(call.began)
        here, before = self.store.at(revision), self.store.at(revision - 1)
        if here is None:
            return self._complain(call, "answered at a revision that no watch told of")
        wrote = any(isinstance(step, Put) for step in (request.then if answer.succeeded else request.otherwise))
        wrote = wrote or any(result.deleted for result in answer.results)
        if not wrote:
            if revision < floor:
                self._complain(call, f"stale: revision {floor} had been seen before it began")
            return self._compare(call, answer, here, revision)
        if revision <= floor:
            self._complain(call, f"out of order: revision {floor} had been seen before it began")
        self._claim(call, revision)
        if before is not None:
            self._compare(call, answer, before, revision)
            if run(before, request, revision)[2] != self.store.changed(revision):
                self._complain(call, f"changed something else: {self.store.changed(revision)}")
        return None

    def _revoked(self, call: Call) -> None:
        state = self.store.at(call.answer.revision) if call.answer else {}
        if state is None:
            self._complain(call, "answered at a revision that no watch told of")
        elif left := run(state, call.request, 0)[2]:
            self._complain(call, f"answered, and its keys are still there: {left}")

    def _serial(self, call: Call, answer: Answer) -> None:
        state = self.store.at(answer.revision)
        if state is None:
            return self._complain(call, "answered at a revision that no watch told of")
        return self._compare(call, answer, state, answer.revision)

    def _compare(self, call: Call, answer: Answer, state: State, revision: int) -> None:
        succeeded, results, _ = run(state, call.request, revision)
        if succeeded != answer.succeeded:
            return self._complain(call, f"took the wrong branch at revision {revision}")
        steps = call.request.then if succeeded else call.request.otherwise
        for step, expected, got in zip(steps, results, answer.results, strict=False):
            if isinstance(step, Get) and step.revision:
                old = self.store.at(step.revision)
                expected = read(old, step) if old is not None else got
            if expected != got:
                return self._complain(call, f"read {got} instead of {expected}")
        if len(answer.results) != len(results):
            return self._complain(call, f"{len(answer.results)} results of {len(results)} steps")
        return None

    def _claim(self, call: Call, revision: int) -> None:
        other = self.owners.setdefault(revision, call)
        if other is not call:
            self._complain(call, f"revision {revision} was already of {other}")

    def _refused(self, call: Call) -> None:
        written = [self.where[value] for value in call.request.values if value in self.where]
        if written:
            self._complain(call, f"said to be not applied, and stands at revision {written[0]}")

    def _explain(self, unknown: Sequence[Call]) -> None:
        """Every revision that no answered call made must be of a call whose fate is not known."""
        anonymous = []
        for call in unknown:
            revisions = {self.where[value] for value in call.request.values if value in self.where}
            if not revisions:
                anonymous.append(call)
            for revision in revisions:
                self._claim(call, revision)
                if not self._could_be(call, revision):
                    self._complain(call, f"cannot have made revision {revision}: {self.store.changed(revision)}")
        orphans = [revision for revision in self.store.log if revision not in self.owners]
        self.owners |= matched(orphans, anonymous, self._could_be)
        for revision in orphans:
            if revision not in self.owners:
                self.complaints.append(f"nobody made revision {revision}: {self.store.changed(revision)}")

    def _could_be(self, call: Call, revision: int) -> bool:
        before = self.store.at(revision - 1)
        if before is None or revision <= self._clock.before(call.began):
            return False
        if call.answer is not None and revision > call.answer.revision:
            return False
        return run(before, call.request, revision)[2] == self.store.changed(revision)

    def _compare_final(self) -> None:
        state = self.store.at(self.store.last) or {}
        if self.history.final and self.history.final != {key: kept.value for key, kept in state.items()}:
            self.complaints.append(f"etcdctl reads {self.history.final} in the end, the watches told {state}")


def matched(orphans: Sequence[int], calls: Sequence[Call], could_be: Callable[[Call, int], bool]) -> dict[int, Call]:
    """A call for as many orphans as possible; each call explains one at most (augmenting paths)."""
    owner: dict[int, int] = {}  # place of the call -> orphan

    def give(orphan: int, tried: set[int]) -> bool:
        for place, call in enumerate(calls):
            if place in tried or not could_be(call, orphan):
                continue
            tried.add(place)
            if place not in owner or give(owner[place], tried):
                owner[place] = orphan
                return True
        return False

    for orphan in orphans:
        give(orphan, set())
    return {orphan: calls[place] for place, orphan in owner.items()}


def by_key(linear: Linear) -> Iterator[tuple[str, list[register.Step]]]:
    """Each key as a register of its own: what the calls asked of it and answered, revisions left out.

    Of calls with unknown fate it is taken from the watches whether they happened; a delete whose fate is unknown may
    have.
    """
    steps: dict[str, list[register.Step]] = defaultdict(list)
    store, where = linear.store, linear.where
    keys = {change.key for changes in store.log.values() for change in changes}
    for call in linear.history.calls:
        if call.answer is not None and call.request.kind in ("read", "write", "txn"):
            for key, known in _known(call, call.answer, keys):
                steps[key].append(known)
        elif call.fate == "maybe" and (not call.request.values or call.request.values & where.keys()):
            for step in call.request.then:
                if not isinstance(step, Get):
                    value = step.value if isinstance(step, Put) else None
                    doubt = not call.request.values
                    steps[step.key].append(
                        register.Step(call.began, register.FOREVER, writes=True, leaves=value, optional=doubt)
                    )
    for revision, call in linear.owners.items():
        if call.request.kind == "revoke":
            end = register.FOREVER if call.answer is None else call.ended
            for key, _ in store.changed(revision):
                steps[key].append(register.Step(call.began, end, writes=True, optional=call.answer is None))
    yield from steps.items()


def _known(call: Call, answer: Answer, keys: set[str]) -> Iterator[tuple[str, register.Step]]:
    """At most one step a key: what it was before, and what it is after."""
    needs: dict[str, tuple[register.Needs, str | None]] = {}
    leaves: dict[str, str | None] = {}
    for condition in call.request.conditions:
        alone = answer.succeeded or len(call.request.conditions) == 1
        if condition.target == "mod_revision" and alone:
            needs[condition.key] = ("equal" if answer.succeeded else "unequal", condition.value)
    steps: tuple[Asked, ...] = call.request.then if answer.succeeded else call.request.otherwise
    for step, result in zip(steps, answer.results, strict=False):
        if isinstance(step, Put):
            leaves[step.key] = step.value
        elif isinstance(step, Delete):
            if step.key not in leaves and step.key not in needs:
                needs[step.key] = ("present", None) if result.deleted else ("equal", None)
            leaves[step.key] = None
        elif not step.revision and not step.keys_only and not step.limit:
            found = {pair.key: pair.value for pair in result.pairs}
            for key in (key for key in keys if key.startswith(step.key)) if step.prefix else (step.key,):
                if key not in leaves and needs.get(key, ("unequal",))[0] != "equal":
                    needs[key] = ("equal", found.get(key))
    for key in needs.keys() | leaves.keys():
        need, value = needs.get(key, ("nothing", None))
        yield key, register.Step(call.began, call.ended, need, value, key in leaves, leaves.get(key))


def check(history: History) -> tuple[Store, list[str]]:
    """The store as the watches told it, and all complaints about calls: by their revisions, and key by key without."""
    linear = Linear(history)
    complaints = linear.check()
    for key, steps in by_key(linear):
        if not register.linearizable(steps):
            complaints.append(f"what was seen of {key} fits no order")
    return linear.store, complaints
