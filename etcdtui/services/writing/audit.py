"""Who changed what: JSON Lines on disk, hashes instead of values, and a bounded list in memory for the Activity screen.

The file is 0600, appended and fsynced before ``add`` returns. A value never reaches it; a key that is not UTF-8
is written as ``{"b64": "..."}``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import calendar
import getpass
import hashlib
import itertools
import json
import os
import stat
import time
from collections import deque
from collections.abc import Callable
from dataclasses import field, replace
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.config.secrets import child_environment
from etcdtui.core.int64 import int64
from etcdtui.core.plan import Fact
from etcdtui.core.tasks import awaited
from etcdtui.core.value import Value, record

MEMORY_LIMIT = 1000
"""Records kept in memory."""
TARGETS_LIMIT = 20
"""Keys named in one record; the count tells the rest."""
FACTS_LIMIT = 50
"""Facts in one record: a transaction has one for each operation."""
COMMAND_TIMEOUT = 10.0
OLDER_PAGE = 200
"""Records of earlier runs read at once."""
OLDER_CHUNK = 256 * 1024
OLDER_BYTES_LIMIT = 64 * 1024 * 1024
"""How much of an existing file is read to count its records."""


def digest(value: bytes | None) -> str:
    """The SHA-256 of a value in hex; empty for no value."""
    return "" if value is None else hashlib.sha256(value).hexdigest()


class AuditRecord(Value):
    """One action. ``time`` is Unix seconds, ``duration`` seconds, ``before``/``after`` are SHA-256 in hex."""

    id: str
    time: float
    action: str
    target: bytes
    result: str
    profile: str = ""
    os_user: str = ""
    etcd_user: str = ""
    cluster_id: int = 0
    endpoint: str = ""
    targets: tuple[bytes, ...] = ()
    changes: int = 0
    guard: str = ""
    before: str = ""
    after: str = ""
    revision: int = 0
    duration: float = 0.0
    dry: bool = False
    undo_of: str = ""
    namespace: str = ""
    facts: tuple[Fact, ...] = ()

    def to_json(self) -> str:
        """One line without the line end; ASCII only."""
        fields: dict[str, object] = {
            "id": self.id,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time)),
            "os_user": self.os_user,
            "etcd_user": self.etcd_user,
            "profile": self.profile,
            "cluster_id": f"{self.cluster_id:x}",
            "endpoint": self.endpoint,
            "action": self.action,
            "target": text_or_b64(self.target),
            "targets": [text_or_b64(t) for t in self.targets[:TARGETS_LIMIT]],
            "changes": self.changes,
            "guard": self.guard,
            "before_sha256": self.before,
            "after_sha256": self.after,
            "revision": self.revision,
            "result": self.result,
            "duration_ms": round(self.duration * 1000),
            "dry": self.dry,
            "undo_of": self.undo_of,
        }
        if self.namespace:
            fields["namespace"] = self.namespace
        if self.facts:
            fields["facts"] = [_fact_fields(fact) for fact in self.facts[:FACTS_LIMIT]]
        return json.dumps(fields, separators=(",", ":"))


def from_json(raw: bytes) -> AuditRecord | None:
    """A line of the file as a record again, ``None`` when it is not one."""
    try:
        data = json.loads(raw)
        return AuditRecord(
            id=str(data["id"]),
            time=float(calendar.timegm(time.strptime(data["time"], "%Y-%m-%dT%H:%M:%SZ"))),
            action=str(data["action"]),
            target=_bytes(data["target"]),
            result=str(data["result"]),
            profile=str(data["profile"]),
            os_user=str(data["os_user"]),
            etcd_user=str(data["etcd_user"]),
            cluster_id=int(str(data["cluster_id"]), 16),
            endpoint=str(data["endpoint"]),
            targets=tuple(_bytes(target) for target in data["targets"][:TARGETS_LIMIT]),
            changes=int64(data["changes"]),
            guard=str(data["guard"]),
            before=str(data["before_sha256"]),
            after=str(data["after_sha256"]),
            revision=int64(data["revision"]),
            duration=int64(data["duration_ms"]) / 1000,
            dry=bool(data["dry"]),
            undo_of=str(data["undo_of"]),
            namespace=str(data.get("namespace", "")),
            facts=tuple(map(_fact, data.get("facts", [])[:FACTS_LIMIT])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error):
        return None


def _fact_fields(fact: Fact) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = {"what": fact.what} if fact.what else {}
    for name, part in (("name", fact.name), ("before", fact.before), ("after", fact.after)):
        if part:
            found[name] = text_or_b64(part) if isinstance(part, bytes) else part
    return found


def _fact(data: dict[str, str | dict[str, str]]) -> Fact:
    """Nothing of a file is ours any more: all of it but the kind of thing is bytes until it is shown."""
    name, before, after = (_bytes(data.get(part, "")) for part in ("name", "before", "after"))
    return Fact(str(data.get("what", "")), name, before, after)


def _bytes(text: str | dict[str, str]) -> bytes:
    return base64.b64decode(text["b64"], validate=True) if isinstance(text, dict) else text.encode()


def text_or_b64(data: bytes) -> str | dict[str, str]:
    """Bytes for JSON: text when it is UTF-8, else base64 and marked as such."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


@record(frozen=False)
class Audit:
    """The audit of one opened profile. ``problem`` holds the last failure to write, for the status line."""

    path: Path | None
    profile: str = ""
    etcd_user: str = ""
    command: tuple[str, ...] = ()
    namespace: str = ""
    now: Callable[[], float] = time.time
    records: deque[AuditRecord] = field(default_factory=lambda: deque(maxlen=MEMORY_LIMIT))
    problem: str = ""
    older: int = 0
    _end: int = 0
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.older = _count_lines(self.path)
        self._end = _size(self.path)

    async def read_older(self, count: int = OLDER_PAGE) -> list[AuditRecord]:
        """The next older page of the file, newest first: what was there when this run began. Raises ``OSError``."""
        if self.path is None or self._end <= 0:
            return []
        records, self._end = await asyncio.to_thread(_page_before, self.path, self._end, count)
        return records

    @property
    def has_older(self) -> bool:
        """Whether the file holds lines that ``read_older`` has not given yet."""
        return self._end > 0

    def make(
        self,
        action: str,
        target: bytes,
        result: str,
        *,
        targets: tuple[bytes, ...] = (),
        changes: int = 1,
        guard: str = "",
        before: bytes | None = None,
        after: bytes | None = None,
        revision: int = 0,
        duration: float = 0.0,
        dry: bool = False,
        undo_of: str = "",
        cluster_id: int = 0,
        endpoint: str = "",
        facts: tuple[Fact, ...] = (),
    ) -> AuditRecord:
        """A record with who, when and where filled in; values are hashed here or left out, and forgotten."""
        return AuditRecord(
            id=f"{int(self.now() * 1000):x}-{os.getpid():x}-{next(self._ids)}",
            time=self.now(),
            action=action,
            target=target,
            result=result,
            profile=self.profile,
            namespace=self.namespace,
            os_user=os_user(),
            etcd_user=self.etcd_user,
            cluster_id=cluster_id,
            endpoint=endpoint,
            targets=targets[:TARGETS_LIMIT],
            changes=changes,
            guard=guard,
            before=digest(before),
            after=digest(after),
            revision=revision,
            duration=duration,
            dry=dry,
            undo_of=undo_of,
            facts=tuple(replace(fact, shown=()) for fact in facts[:FACTS_LIMIT]),
        )

    async def add(self, record: AuditRecord) -> None:
        """Keep, append and fsync; a failure is told in ``problem``, never raised, and a cancellation waits:
        the write it describes happened."""
        self.records.append(record)
        storing = awaited(self._store(record.to_json().encode() + b"\n"), "audit line")
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.wait([storing])
            raise

    async def _store(self, line: bytes) -> None:
        if self.path is not None:
            async with self._lock:
                try:
                    await asyncio.to_thread(append_line, self.path, line)
                    self.problem = ""
                except OSError as error:
                    self.problem = f"the audit file cannot be written: {error.strerror}"
        if self.command:
            await self._run_command(line)

    async def _run_command(self, line: bytes) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=child_environment(),
            )
        except OSError as error:
            self.problem = f"audit_command cannot be started: {error.strerror}"
            return
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await process.communicate(line)
        except TimeoutError:
            process.kill()
            await process.wait()
            self.problem = "audit_command did not end in time"
            return
        if process.returncode:
            self.problem = f"audit_command ended with code {process.returncode}"


def os_user() -> str:
    """The login name of who runs the program, or the numeric user ID."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def append_line(path: Path, line: bytes) -> None:
    """Append whole lines to a 0600 file, followed by fsync; refuses symbolic links.

    What a crash left without its line end stays a line of its own.
    """
    if not path.parent.exists():  # one that a profile names may be shared
        private_folder(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)
        view = memoryview(b"\n" + line if _is_torn(fd) else line)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_torn(fd: int) -> bool:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return False
    return os.pread(fd, 1, found.st_size - 1) not in (b"\n", b"")


def _count_lines(path: Path | None) -> int:
    if path is None:
        return 0
    try:
        with path.open("rb") as file:
            return file.read(OLDER_BYTES_LIMIT).count(b"\n")
    except OSError:
        return 0


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0


def _page_before(path: Path, end: int, count: int) -> tuple[list[AuditRecord], int]:
    """Up to ``count`` records that end before byte ``end``, newest first, and where the next page ends."""
    with path.open("rb") as file:
        start, data = end, b""
        while start > 0 and data.count(b"\n") <= count and len(data) < OLDER_BYTES_LIMIT:
            step = min(OLDER_CHUNK, start)
            start -= step
            file.seek(start)
            data = file.read(step) + data
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    whole = lines if start == 0 else lines[1:]
    taken = whole[-count:]
    left = 0 if start == 0 and len(taken) == len(whole) else end - sum(len(line) + 1 for line in taken)
    records = [record for record in map(from_json, reversed(taken)) if record is not None]
    return records, left if taken else 0
