"""What a tail is made of: events as they were seen, the gaps between them, and the lines that people put in."""

from __future__ import annotations

from enum import Enum

from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.core.units import counted, format_count
from etcdtui.core.value import record

NEW, PUT, DEL, EXPIRED = "NEW", "PUT", "DEL", "DEL~"
OBJECT_BYTES = 640
"""What the Python objects of an event take beside the bytes of its key and values, roughly."""


class GapKind(Enum):
    """Why a line is drawn between two events."""

    RECONNECTED = "reconnected"
    COMPACTED = "compacted"
    DROPPED = "dropped"
    PAUSED = "paused"
    SKIPPED = "skipped"
    REFUSED = "refused"


@record()
class Gap:
    """A place where the stream was interrupted; ``missed`` are revisions or events that are not here.

    ``missed`` is 0 where nothing is missing and ``None`` where nobody knows how many. ``first`` and ``last`` are the
    revisions in question, 0 where there are none; ``seen`` is Unix seconds.
    """

    kind: GapKind
    reason: str
    missed: int | None = None
    first: int = 0
    last: int = 0
    seen: float = 0.0

    @property
    def is_loss(self) -> bool:
        """Whether something is, or may be, missing here."""
        return self.missed != 0


@record()
class Mark:
    """A line with a name that a person put into the tail."""

    number: int
    text: str
    seen: float

    @property
    def words(self) -> str:
        return f"mark {self.number}" + (f": {self.text}" if self.text else "")


@record(frozen=False, eq=False)
class Seen:
    """One event and when it was seen (Unix seconds); it is the ``place``-th of ``group`` events at its revision.

    ``op`` is ``NEW``, ``PUT``, ``DEL``, or ``DEL~`` when the lease of the deleted key is gone too, so probably an
    expiry; ``unsettled`` while that is being found out. ``before`` is what the key held before, ``None`` when it did
    not exist or nobody knows; ``open`` while it may still be looked up.
    """

    event: Event
    seen: float
    op: str
    before: KeyValue | None = None
    open: bool = False
    group: int = 1
    place: int = 0
    unsettled: bool = False

    @property
    def kv(self) -> KeyValue:
        return self.event.kv

    @property
    def revision(self) -> int:
        return self.event.kv.mod_revision

    @property
    def deleted(self) -> bool:
        return self.event.type is EventType.DELETE

    @property
    def lease(self) -> int:
        """The lease of the key, or the one that a deleted key had; 0 for none."""
        return self.before.lease if self.deleted and self.before is not None else self.event.kv.lease


Entry = Seen | Mark | Gap


def entry_size(entry: Entry) -> int:
    """Bytes an entry keeps alive, roughly."""
    if isinstance(entry, Seen):
        kv, before = entry.event.kv, entry.before
        return OBJECT_BYTES + 2 * len(kv.key) + len(kv.value) + (len(before.value) if before else 0)
    return 128 + len(entry.text if isinstance(entry, Mark) else entry.reason)


# --- gaps, in words ------------------------------------------------------------------------------------------------


def reconnected(revision: int, away: float, why: str, seen: float) -> Gap:
    """The stream broke after ``revision`` and went on without loss."""
    reason = f"reconnected after {away:.1f} s ({why}): resumed after rev {revision}, nothing missed"
    return Gap(GapKind.RECONNECTED, reason, 0, revision, revision, seen)


def compacted(first: int, compact_revision: int, seen: float) -> Gap:
    """``first`` up to the compaction is gone; ``first`` is 0 where nobody knows from where on."""
    last = compact_revision - 1
    if not first or last < first:
        return Gap(GapKind.COMPACTED, f"compacted at rev {compact_revision}: events may be missing", None, 0, 0, seen)
    missed = last - first + 1
    reason = f"compacted at rev {compact_revision}: {counted(missed, 'revision')} missed ({first} to {last})"
    return Gap(GapKind.COMPACTED, reason, missed, first, last, seen)


def dropped(events: int, why: str, seen: float) -> Gap:
    """``events`` came and are no longer kept."""
    return Gap(GapKind.DROPPED, f"{format_count(events)} events dropped: {why}", events, 0, 0, seen)


def skipped(first: int, last: int, seen: float) -> Gap:
    """A person let the tail jump over revisions to be up to date."""
    missed = last - first + 1
    reason = f"skipped ahead: {counted(missed, 'revision')} not shown ({first} to {last})"
    return Gap(GapKind.SKIPPED, reason, missed, first, last, seen)
