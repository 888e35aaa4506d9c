"""The journal of a move: what has to happen, on disk before the first key moves, gone when the last one has.

It holds keys, revisions, leases and value hashes, never values. Every pair moves in one transaction, so after a
crash the cluster itself tells of each pair whether it has moved.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from pathlib import Path

from etcdtui.core.int64 import int64, seconds
from etcdtui.core.value import record
from etcdtui.services.writing.files import write_private

MAX_PAIRS = 100_000


@record()
class Pair:
    """One key on its way: ``mod`` is the source's revision when planned, ``sha`` the SHA-256 of its value."""

    source: bytes
    target: bytes
    mod: int
    lease: int
    sha: str


@record()
class MoveJournal:
    path: Path
    profile: str
    cluster_id: int
    source: bytes
    target: bytes
    pairs: tuple[Pair, ...]
    revision: int = 0
    time: float = 0.0

    def write(self) -> None:
        """Put the journal on disk, 0600, whole."""
        lines = [
            {
                "format": "etcdtui-move",
                "version": 1,
                "profile": self.profile,
                "cluster_id": f"{self.cluster_id:x}",
                "source": _b64(self.source),
                "target": _b64(self.target),
                "revision": self.revision,
                "time": self.time,
                "pairs": len(self.pairs),
            },
            *({"s": _b64(p.source), "t": _b64(p.target), "m": p.mod, "l": f"{p.lease:x}", "h": p.sha}
              for p in self.pairs),
        ]  # fmt: skip
        write_private(self.path, b"".join(json.dumps(x).encode() + b"\n" for x in lines))

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


def new_path(folder: Path) -> Path:
    return folder / f"move-{int(time.time())}-{secrets.token_hex(4)}.jsonl"


def read(path: Path) -> MoveJournal | None:
    """A journal, or ``None`` when the file is not a whole one (then no key had moved yet)."""
    try:
        rows = [json.loads(row) for row in path.read_bytes().split(b"\n") if row]
        head = rows[0]
        if head["format"] != "etcdtui-move" or head["pairs"] != len(rows) - 1:
            return None
        pairs = tuple(_pair(row) for row in rows[1:])
        return MoveJournal(
            path,
            str(head["profile"]),
            int(head["cluster_id"], 16),
            _raw(head["source"]),
            _raw(head["target"]),
            pairs,
            int64(head["revision"]),
            seconds(head["time"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, binascii.Error):
        return None


def _pair(row: dict[str, object]) -> Pair:
    lease = int64(str(row["l"]), 16)
    return Pair(_raw(str(row["s"])), _raw(str(row["t"])), int64(row["m"]), lease, str(row["h"]))


def unfinished(folder: Path, cluster_id: int) -> list[MoveJournal]:
    """Moves of this cluster that did not end."""
    found = [read(p) for p in sorted(folder.glob("move-*.jsonl"))]
    return [j for j in found if j is not None and j.cluster_id == cluster_id]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
