"""What clients asked and saw, as plain values. Times are nanoseconds of one monotonic clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Fate = Literal["done", "no", "maybe"]


@dataclass(frozen=True)
class Get:
    """A read of one key or of all that start with it; ``revision`` 0 is the newest."""

    key: str
    prefix: bool = False
    limit: int = 0
    revision: int = 0
    keys_only: bool = False


@dataclass(frozen=True)
class Put:
    """Every value is written once in a history."""

    key: str
    value: str
    lease: int = 0


@dataclass(frozen=True)
class Delete:
    key: str


Step = Get | Put | Delete


@dataclass(frozen=True)
class Condition:
    """``target`` of the key is ``number``; ``value`` is what the client read together with that number."""

    key: str
    target: Literal["mod_revision", "version"]
    number: int
    value: str | None


@dataclass(frozen=True)
class Request:
    """``kind`` "serial" is a read of one member, which may be old; ``number`` is a lease or a revision to compact."""

    kind: Literal["read", "serial", "write", "txn", "revoke", "compact"]
    conditions: tuple[Condition, ...] = ()
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()
    number: int = 0

    @property
    def values(self) -> set[str]:
        """What it would write."""
        return {step.value for step in (*self.then, *self.otherwise) if isinstance(step, Put)}


@dataclass(frozen=True)
class Pair:
    """A key as it was read; ``value`` is ``None`` when only keys were asked for."""

    key: str
    value: str | None
    create_revision: int
    mod_revision: int
    version: int


@dataclass(frozen=True)
class Result:
    """Of one step: the pairs and the count of a read, or how many keys a delete took."""

    pairs: tuple[Pair, ...] = ()
    count: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Answer:
    revision: int
    succeeded: bool = True
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class Call:
    """One request of one client; ``answer`` is there when it was "done"."""

    client: int
    began: int
    ended: int
    request: Request
    fate: Fate
    answer: Answer | None = None
    error: str = ""


@dataclass(frozen=True)
class Change:
    """An event: ``value`` ``None`` is a deletion; ``previous`` is the value before, with its revision, if it came."""

    revision: int
    key: str
    value: str | None
    created: bool = False
    previous: tuple[str, int] | None = None

    @property
    def what(self) -> tuple[str, str | None]:
        return self.key, self.value


@dataclass(frozen=True)
class Batch:
    """One answer of a watch; ``progress`` says that everything up to ``revision`` was told before."""

    time: int
    revision: int
    changes: tuple[Change, ...] = ()
    progress: bool = False


@dataclass(frozen=True)
class Watch:
    """One watch from ``start`` on, by name of what it asked for; ``error`` is the class of what ended it."""

    client: int
    key: str
    prefix: bool
    start: int
    batches: tuple[Batch, ...]
    previous: bool = False
    no_put: bool = False
    no_delete: bool = False
    error: str = ""

    def wants(self, change: Change) -> bool:
        named = change.key.startswith(self.key) if self.prefix else change.key == self.key
        return named and not (self.no_put if change.value is not None else self.no_delete)

    @property
    def changes(self) -> Iterator[Change]:
        return (change for batch in self.batches for change in batch.changes)


@dataclass(frozen=True)
class History:
    """All of it. ``final`` are the keys in the end as etcdctl reads them, ``faults`` what was done to the cluster,
    ``complaints`` what went wrong while it was made: an error without a type, a watch that did not come to the end."""

    version: tuple[int, int, int]
    calls: tuple[Call, ...]
    watches: tuple[Watch, ...]
    final: dict[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def loses_a_delete(self) -> bool:
        """Whether a watch from the revision that was compacted lacks the deletions at it, as before 3.4.34, 3.5.16."""
        return self.version[2] < {(3, 4): 34, (3, 5): 16}.get(self.version[:2], 0)

    def save(self, path: Path) -> None:
        """As JSON, to look at and to show others."""
        path.write_text(json.dumps(asdict(self), indent=0))
