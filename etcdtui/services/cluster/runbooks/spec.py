"""A runbook as data: its steps, and how each of them went. It can be written down between any two of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, replace
from enum import Enum

from etcdtui.core.value import Value

FORMAT = "etcdtui-runbook"
MAX_STEPS = 200
MAX_TEXT = 4000


class Kind(Enum):
    """What a runbook is for."""

    NOSPACE = "nospace"
    MAINTENANCE = "maintenance"
    REPLACE = "replace"
    QUORUM = "quorum"
    LEADER = "leader"
    HASHES = "hashes"
    CORRUPT = "corrupt"
    DOWNGRADE = "downgrade"
    UPGRADE = "upgrade"
    RESTART = "restart"


class StepState(Enum):
    TODO = "todo"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It was sent, and whether it was done cannot be seen."""

    @property
    def settled(self) -> bool:
        return self in (StepState.DONE, StepState.SKIPPED)


class StepSpec(Value):
    """One step: what ``action`` does, to which ``member`` (0: to none), with ``args``. An ``optional`` one may be
    skipped; titles hold names of the server's."""

    id: str
    action: str
    title: str
    member: int = 0
    args: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False

    def number(self, name: str, default: int = 0) -> int:
        """An argument that is a whole number."""
        text = self.args.get(name, "")
        return int(text) if text.lstrip("-").isdigit() else default


class StepLog(Value):
    """How a step went: facts before and after it, and words. Times in Unix seconds, 0 for not yet."""

    state: StepState = StepState.TODO
    began: float = 0.0
    ended: float = 0.0
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    words: str = ""


class Runbook(Value):
    """``members`` are those of the cluster when it began, changed by its own steps only; ``ended`` is empty while it
    is open, else ``done`` or why it was stopped. ``notes`` are lines for people, such as settings to copy."""

    id: str
    kind: Kind
    title: str
    profile: str
    cluster_id: int
    begun: float
    steps: tuple[StepSpec, ...]
    logs: tuple[StepLog, ...] = ()
    members: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    ended: str = ""

    @property
    def open(self) -> bool:
        return not self.ended

    @property
    def untouched(self) -> bool:
        """Nothing of it was done, tried or left out."""
        return self.open and all(log == StepLog() for log in self.logs)

    @property
    def index(self) -> int:
        """The step that is next or under way; the number of steps when all are settled."""
        return next((n for n, log in enumerate(self.logs) if not log.state.settled), len(self.steps))

    @property
    def current(self) -> StepSpec | None:
        return self.steps[self.index] if self.index < len(self.steps) else None

    @property
    def progress(self) -> str:
        """``4 of 9 steps``."""
        return f"{sum(log.state.settled for log in self.logs)} of {len(self.steps)} steps"

    def with_log(self, index: int, log: StepLog) -> Runbook:
        logs = list(self.logs)
        logs[index] = log
        return replace(self, logs=tuple(logs))

    def with_step(self, index: int, step: StepSpec) -> Runbook:
        steps = list(self.steps)
        steps[index] = step
        return replace(self, steps=tuple(steps))


def fresh(book: Runbook) -> Runbook:
    """A runbook of which nothing is done."""
    return replace(book, logs=tuple(StepLog() for _ in book.steps))


def to_json(book: Runbook) -> str:
    """One object; member and cluster IDs are hex."""
    return json.dumps(
        {
            "format": FORMAT,
            "version": 1,
            "id": book.id,
            "kind": book.kind.value,
            "title": book.title,
            "profile": book.profile,
            "cluster_id": f"{book.cluster_id:x}",
            "begun": book.begun,
            "ended": book.ended,
            "members": [f"{member:x}" for member in book.members],
            "notes": list(book.notes),
            "steps": [
                {
                    "id": step.id,
                    "action": step.action,
                    "title": step.title,
                    "member": f"{step.member:x}",
                    "args": dict(step.args),
                    "optional": step.optional,
                    "state": log.state.value,
                    "began": log.began,
                    "ended": log.ended,
                    "before": list(log.before),
                    "after": list(log.after),
                    "words": log.words,
                }
                for step, log in zip(book.steps, book.logs, strict=True)
            ],
        },
        indent=1,
    )


def from_json(text: bytes) -> Runbook | None:
    """The runbook again; ``None`` for anything else, or one that was made by another version."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT or data["version"] != 1 or len(data["steps"]) > MAX_STEPS:
            return None
        steps, logs = [], []
        for one in data["steps"]:
            args = {str(key): str(value) for key, value in one["args"].items()}
            steps.append(
                StepSpec(
                    str(one["id"]), str(one["action"]), str(one["title"]), int(one["member"], 16), args,
                    bool(one["optional"]),
                )
            )  # fmt: skip
            logs.append(
                StepLog(
                    StepState(one["state"]), float(one["began"]), float(one["ended"]), _texts(one["before"]),
                    _texts(one["after"]), str(one["words"])[:MAX_TEXT],
                )
            )  # fmt: skip
        return Runbook(
            id=str(data["id"]),
            kind=Kind(data["kind"]),
            title=str(data["title"]),
            profile=str(data["profile"]),
            cluster_id=int(data["cluster_id"], 16),
            begun=float(data["begun"]),
            steps=tuple(steps),
            logs=tuple(logs),
            members=tuple(int(member, 16) for member in data["members"]),
            notes=_texts(data["notes"]),
            ended=str(data["ended"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _texts(values: list[object]) -> tuple[str, ...]:
    return tuple(str(value)[:MAX_TEXT] for value in values[:MAX_STEPS])
