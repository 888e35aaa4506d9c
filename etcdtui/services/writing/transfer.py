"""Export and import of keys as JSON Lines, byte for byte.

The first line is a header (cluster, revision, prefix, leases by hex ID with their granted TTL), then one key a
line in base64, then a footer with the count, so that a file cut short is noticed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from etcdtui.core.errors import EtcdError, LeaseExists
from etcdtui.core.int64 import int64
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.steps import Group, Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.core.value import record
from etcdtui.services.values.kubernetes import MAGIC_BYTES
from etcdtui.services.writing.files import create_private
from etcdtui.services.writing.foreign import Foreign, ForeignError, Reading, read_foreign
from etcdtui.services.writing.run import Progress, Report, StepsWrite
from etcdtui.services.writing.writes import Writes

FORMAT = "etcdtui-export"
EXPORT_BYTES_LIMIT = 512 * 1024 * 1024
"""Bytes of keys and values one export or import takes."""
HEADER_LOOK = 4096
"""Bytes of the first line that say whose file it is."""
READ_CHUNK = 100
SHOWN_KEYS = 1000
"""Keys named in a plan."""


class TransferError(Exception):
    """The file cannot be used; the message is a sentence that names the line."""


@record()
class Header:
    """``leases`` maps lease ID to granted TTL in seconds."""

    cluster_id: int
    revision: int
    prefix: bytes
    leases: dict[int, int]


@record()
class Export:
    header: Header
    kvs: tuple[KeyValue, ...]


def encode_lines(header: Header, kvs: Iterable[KeyValue]) -> Iterator[bytes]:
    """The lines of an export, each with its line end."""
    yield _dump(
        {
            "format": FORMAT,
            "version": 1,
            "cluster_id": f"{header.cluster_id:x}",
            "revision": header.revision,
            "prefix": _b64(header.prefix),
            "leases": {f"{lease:x}": ttl for lease, ttl in sorted(header.leases.items())},
        }
    )
    count = 0
    for kv in kvs:
        count += 1
        yield _dump(
            {
                "key": _b64(kv.key),
                "value": _b64(kv.value),
                "lease": f"{kv.lease:x}",
                "create": kv.create_revision,
                "mod": kv.mod_revision,
                "version": kv.version,
            }
        )
    yield _dump({"end": True, "keys": count})


def decode_lines(lines: Iterable[bytes]) -> Export:
    """Read an export back; raises ``TransferError`` for anything that is not one, whole and in order."""
    header: Header | None = None
    kvs: list[KeyValue] = []
    seen: set[bytes] = set()
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            data = json.loads(raw)
            if header is None:
                header = _header(data)
            elif data.get("end") is True:
                if int(data["keys"]) != len(kvs):
                    raise TransferError(f"The file says {data['keys']} keys but holds {len(kvs)}.")
                return Export(header, tuple(kvs))
            else:
                kv = _kv(data)
                if kv.key in seen or not kv.key:
                    raise TransferError(f"Line {number}: the key is empty or named twice.")
                seen.add(kv.key)
                kvs.append(kv)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, binascii.Error, RecursionError):
            raise TransferError(f"Line {number} is not a line of an etcdtui export.") from None
    raise TransferError("The file is not complete: its last line is missing.")


def _header(data: dict[str, object]) -> Header:
    if data["format"] != FORMAT or data["version"] != 1:
        raise ValueError
    leases = data["leases"]
    if not isinstance(leases, dict):
        raise ValueError
    return Header(
        int(str(data["cluster_id"]), 16),
        int64(data["revision"]),
        base64.b64decode(str(data["prefix"]), validate=True),
        {int64(k, 16): int64(v) for k, v in leases.items()},
    )


def _kv(data: dict[str, object]) -> KeyValue:
    return KeyValue(
        base64.b64decode(str(data["key"]), validate=True),
        base64.b64decode(str(data["value"]), validate=True),
        int64(data["create"]),
        int64(data["mod"]),
        int64(data["version"]),
        int64(str(data["lease"]), 16),
    )


def _dump(data: dict[str, object]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def read_prefix(writes: Writes, prefix: bytes, *, limit: int = EXPORT_BYTES_LIMIT) -> Export:
    """All keys under ``prefix`` at one revision, with the granted TTL of the leases they name."""
    key, end = prefix_range(prefix)
    kvs: list[KeyValue] = []
    size = revision = cluster = 0
    async for page in writes.client.kv.pages(key, range_end=end, page_size=500):
        if page.header and not revision:
            revision, cluster = page.header.revision, page.header.cluster_id
        size += sum(len(kv.key) + len(kv.value) for kv in page.kvs)
        if size > limit:
            raise TransferError(f"More than {format_size(limit)}: export a smaller prefix.")
        kvs.extend(page.kvs)
    leases = {kv.lease for kv in kvs if kv.lease}
    granted: dict[int, int] = {}
    for lease in sorted(leases):
        try:
            answer = await writes.client.lease.time_to_live(lease)
            granted[lease] = answer.granted_ttl
        except EtcdError:
            granted[lease] = 0
    return Export(Header(cluster, revision, prefix, granted), tuple(kvs))


async def export_file(writes: Writes, prefix: bytes, path: Path) -> Export:
    """All keys under ``prefix`` in a new file, as ``write_export`` makes it."""
    export = await read_prefix(writes, prefix)
    await write_export(writes, export, path)
    return export


async def write_export(writes: Writes, export: Export, path: Path, *, left_out: int = 0) -> None:
    """Write an export to a new 0600 file; an existing one is never replaced (``FileExistsError``).

    ``left_out`` keys are not in it on purpose. It only reads, yet values leave the cluster: it is put on record.
    """
    started, prefix = writes.clock(), export.header.prefix
    data = b"".join(encode_lines(export.header, export.kvs))
    await asyncio.to_thread(create_private, path, data)
    words = f"ok, rev {export.header.revision}, {format_size(len(data))}"
    count = f"{len(export.kvs)} in the file" + (f", {left_out} masked ones left out" if left_out else "")
    facts = (Fact("keys below", prefix or b"everything", "", count),)
    plan = WritePlan("export", prefix, ActionClass.R1, Scope(frozenset()), condition=f"to {path}", facts=facts)
    await writes.record(plan, words, started, count=len(export.kvs))


def load_file(path: Path) -> Export | Foreign:
    """Read an export of ours, or keys that another tool wrote; raises ``TransferError`` or ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise TransferError("That is not a file.")
        if found.st_size > EXPORT_BYTES_LIMIT * 2:
            raise TransferError("The file is too large.")
        if FORMAT.encode() in file.readline(HEADER_LOOK):
            file.seek(0)
            return decode_lines(file)
        file.seek(0)
        try:
            return read_foreign(file.read().decode())
        except UnicodeDecodeError:
            raise TransferError("The file is neither an export nor JSON: it is not even text.") from None
        except ForeignError as error:
            raise TransferError(str(error)) from None


def of_reading(foreign: Foreign, reading: Reading) -> Export:
    """What another tool wrote, as an export: nothing is known of leases but their IDs."""
    return Export(Header(0, foreign.revision, reading.prefix, {}), reading.kvs)


@record()
class Difference:
    """How one wanted key stands against the cluster: new, changed, lease (only that differs) or same."""

    kind: str
    wanted: KeyValue
    now: KeyValue | None


class ImportWrite(StepsWrite):
    """Grant the missing leases, which is put on record, then write.

    ``regrant`` are leases to be granted again with the same ID and TTL, ``lost`` those that cannot be.
    """

    def __init__(
        self,
        plan: WritePlan,
        groups: Sequence[Group],
        differences: Sequence[Difference],
        regrant: Sequence[tuple[int, int]] = (),
        lost: Sequence[int] = (),
    ) -> None:
        super().__init__(plan, groups)
        self.differences = tuple(differences)
        self.regrant = tuple(regrant)
        self.lost = tuple(lost)

    async def send(self, writes: Writes, report: Report, progress: Progress) -> None:
        started = writes.clock()
        try:
            for lease, ttl in self.regrant:
                with contextlib.suppress(LeaseExists):
                    await writes.client.lease.grant(ttl, id=lease)
                    report.granted.append(lease)
        finally:
            if report.granted:
                await self._record_leases(writes, report.granted, started)
        await super().send(writes, report, progress)

    async def _record_leases(self, writes: Writes, granted: Sequence[int], started: float) -> None:
        names = tuple(f"{lease:x}".encode() for lease in granted)
        ttls = dict(self.regrant)
        facts = tuple(Fact("lease", b"%x" % lease, "gone", f"granted for {ttls[lease]} s") for lease in granted)
        plan = replace(self.plan, action="lease grant", target=names[0], keys=names, condition="", facts=facts)
        await writes.record(plan, "ok", started, count=len(granted))


async def compare_with(writes: Writes, wanted: Sequence[KeyValue]) -> list[Difference]:
    """Each wanted key against what is there now; reads a hundred at a time."""
    out: list[Difference] = []
    for start in range(0, len(wanted), READ_CHUNK):
        part = wanted[start : start + READ_CHUNK]
        found = await asyncio.gather(*(writes.get(kv.key) for kv in part))
        for kv, now in zip(part, found, strict=True):
            if now is None:
                kind = "new"
            elif now.value != kv.value:
                kind = "changed"
            else:
                kind = "same" if now.lease == kv.lease else "lease"
            out.append(Difference(kind, kv, now))
    return out


async def plan_import(
    writes: Writes, export: Export, *, only: frozenset[bytes] | None = None, title: str = "import"
) -> ImportWrite:
    """What an import would do: new and changed keys, leases alive, to grant again, or lost. Sends nothing."""
    wanted = [kv for kv in export.kvs if only is None or kv.key in only]
    differences = await compare_with(writes, wanted)
    regrant: list[tuple[int, int]] = []
    lost: list[int] = []
    for lease in sorted({kv.lease for kv in wanted if kv.lease}):
        if await writes.lease_ttl(lease) is None:
            ttl = export.header.leases.get(lease, 0)
            if ttl > 0:
                regrant.append((lease, ttl))
            else:
                lost.append(lease)
    steps = [
        Step(d.wanted.key, d.now, d.wanted.value, 0 if d.wanted.lease in lost else d.wanted.lease)
        for d in differences
        if d.kind != "same"
    ]
    counts = {k: sum(d.kind == k for d in differences) for k in ("new", "changed", "lease", "same")}
    batches = pack([(s,) for s in steps])
    what = (f"{counts['new']} new, {counts['changed']} changed, {counts['lease']} get another lease, "
            f"{counts['same']} are equal already")  # fmt: skip
    lines = [
        line("condition: every key is still as compared, else its batch is not written"),
    ]
    if len(batches) > 1:
        lines.append(line(f"{len(batches)} transactions: not atomic as a whole", tone="warn"))
    if regrant:
        lines.append(
            line(f"{len(regrant)} leases are gone and are granted again with the same ID and TTL", tone="warn")
        )
    if lost:
        lines.append(line(f"{len(lost)} leases are gone: their keys are written without one", tone="warn"))
    shown = [d for d in differences if d.kind != "same"][:SHOWN_KEYS]
    plan = WritePlan(
        facts=(Fact("keys below", export.header.prefix or b"everything", "", what, "head"),),
        action=title,
        target=export.header.prefix,
        listing=tuple(line("+ " if d.kind == "new" else "~ ", d.wanted.key, tone="add") for d in shown),
        action_class=ActionClass.R2,
        scope=Scope(
            frozenset({"KV/Txn", "Lease/LeaseGrant"}),
            puts=scope_ranges(steps)[0],
            leases=frozenset(r[0] for r in regrant),
        ),
        target_word=escape_key(last_segment(export.header.prefix)) or "import",
        lines=tuple(lines),
        condition="every key still as compared",
        keys=tuple(s.key for s in steps),
        values=tuple((s.key, s.before.value[:MAGIC_BYTES]) for s in steps if s.before),
        changes=len(steps),
        size=sum(s.size for s in steps),
        etcdctl=f"# {len(steps)} guarded puts",
    )
    return ImportWrite(plan, [(s,) for s in steps], differences, regrant, lost)
