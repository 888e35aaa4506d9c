"""What a watch promises, held against the log of the store.

ordered: revisions never go down. unique: no event comes twice. atomic: all of a revision comes at once. reliable:
nothing between its first and its last event is missing. resumable: it begins with the first event from its start on.
bookmarkable: when it says that all up to a revision was told, all was.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.robustness.history import Watch
from tests.robustness.store import FIRST, Store


def check(watch: Watch, store: Store, *, loses_a_delete: bool = False) -> list[str]:
    """Complaints, each beginning with the promise that is broken.

    ``loses_a_delete``: the server is so old that it leaves out a deletion at the revision of the compaction.
    """
    broken = [*_order(watch), *_content(watch, store), *_completeness(watch, store, loses_a_delete)]
    who = f"the watch of client {watch.client} on {watch.key!r} from {watch.start}"
    return [f"{words} ({who})" for words in broken]


def _order(watch: Watch) -> Iterator[str]:
    last, seen, closed = 0, set(), 0
    told = 0
    for batch in watch.batches:
        for change in batch.changes:
            if change.revision < last:
                yield f"ordered: {change.revision} after {last}"
            if (change.revision, change.key) in seen:
                yield f"unique: {change.key} at {change.revision} twice"
            elif change.revision <= closed:
                yield f"atomic: more of revision {change.revision} in a later batch"
            if change.revision <= told:
                yield f"bookmarkable: {change.revision} after all up to {told} was said to be told"
            seen.add((change.revision, change.key))
            last = max(last, change.revision)
        closed = last
        if batch.progress:
            told = max(told, batch.revision)


def _content(watch: Watch, store: Store) -> Iterator[str]:
    for change in watch.changes:
        if change.what not in store.changed(change.revision):
            yield f"true: {change} is not what happened at {change.revision}"
            continue
        if not watch.wants(change):
            yield f"asked for: {change}"
        before = (store.at(change.revision - 1) or {}).get(change.key)
        if change.value is not None and change.created != (before is None):
            yield f"true: {change} is{'' if change.created else ' not'} said to be a creation"
        known = (before.value, before.modified) if before and watch.previous else None
        lost = change.previous is None and change.revision - 1 <= store.compacted
        if change.previous != known and not lost:
            yield f"true: before {change} was {known}"


def _completeness(watch: Watch, store: Store, loses_a_delete: bool) -> Iterator[str]:
    revisions = range(max(watch.start, FIRST), store.last + 1)
    wanted = [change for revision in revisions for change in store.log.get(revision, ()) if watch.wants(change)]
    if loses_a_delete:
        wanted = [change for change in wanted if change.revision != watch.start or change.value is not None]
    got = {(change.revision, change.key) for change in watch.changes}
    if got:
        first, last = min(got)[0], max(got)[0]
        came = {revision for revision, _ in got}
        missing = [c for c in wanted if c.revision <= last and (c.revision, c.key) not in got]
        if early := [c for c in missing if c.revision < first]:
            yield f"resumable: it began without {early[:3]}"
        if partly := [c for c in missing if c.revision in came]:
            yield f"atomic: without {partly[:3]}, of revisions whose other events came"
        if late := [c for c in missing if c.revision > first and c.revision not in came]:
            yield f"reliable: {late[:3]} never came"
    said: set[tuple[int, str]] = set()
    place = 0
    for batch in watch.batches:
        said.update((change.revision, change.key) for change in batch.changes)
        while batch.progress and place < len(wanted) and wanted[place].revision <= batch.revision:
            if (wanted[place].revision, wanted[place].key) not in said:
                yield f"bookmarkable: all up to {batch.revision} was said to be told, without {wanted[place]}"
                return
            place += 1
