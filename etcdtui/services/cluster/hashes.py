"""Do the members hold the same data: each one's checksum at one revision, compared only where that means something."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from etcdtui.client import Client
from etcdtui.core.errors import Compacted, EtcdError, PermissionDenied, Unauthenticated
from etcdtui.core.types import HashKV
from etcdtui.core.value import Value
from etcdtui.services.cluster.view import ClusterView, MemberRow

ATTEMPTS = 3
"""Members compact by themselves a moment apart; then their hashes are taken again."""
PAUSE = 1.0
"""Seconds between two attempts."""
HASH_DEADLINE = 120.0
"""Seconds a member may take to read all its keys."""


class HashAnswer(Value):
    """One member's checksum, or why there is none; ``asked`` is false for those that could not be asked at all."""

    row: MemberRow
    hash: HashKV | None = None
    why: str = ""
    asked: bool = True

    def words(self) -> str:
        """``1a2b3c4d, compacted at 41``, or why there is none."""
        if self.hash is None:
            return self.why
        at = self.hash.compact_revision  # -1 for a history that was never compacted
        return f"{self.hash.hash:08x}, {f'compacted at {at}' if at > 0 else 'never compacted'}"


class HashCheck(Value):
    """Agreement of the members at one revision."""

    revision: int
    answers: tuple[HashAnswer, ...]

    @property
    def hashed(self) -> tuple[HashAnswer, ...]:
        return tuple(answer for answer in self.answers if answer.hash is not None)

    @property
    def differs(self) -> bool:
        """True when two members with the same compacted revision have another checksum."""
        return any(len(group) > 1 for group in self._groups().values())

    @property
    def equal(self) -> bool:
        """True when at least two were compared, and all that were asked agree."""
        groups = self._groups()
        return len(self.hashed) > 1 and len(groups) == 1 and not self.differs

    @property
    def compacted(self) -> int | None:
        """The revision at which history is compacted, as the members told; -1 for never."""
        told = [answer.hash.compact_revision for answer in self.hashed if answer.hash is not None]
        return max(told) if told else None

    def _groups(self) -> dict[int, set[int]]:
        groups: dict[int, set[int]] = {}
        for answer in self.hashed:
            if answer.hash is not None:
                groups.setdefault(answer.hash.compact_revision, set()).add(answer.hash.hash)
        return groups

    @property
    def missing(self) -> str:
        """``m3 not asked (down); m2: permission denied``; empty when all members told."""
        words = []
        for answer in self.answers:
            if not answer.asked:
                words.append(f"{answer.row.name} not asked ({answer.why})")
            elif answer.hash is None:
                words.append(f"{answer.row.name}: {answer.why}")
        return "; ".join(words)

    @property
    def verdict(self) -> str:
        """``equal on 2 of 3; m3 not asked (DOWN)``, ``DIFFERS ..`` or why the answers cannot be compared."""
        count, total = len(self.hashed), len(self.answers)
        rest = f"; {self.missing}" if self.missing else ""
        if self.differs:
            return f"DIFFERS: {self.odd_words()}{rest}"
        if count == 0 and self.answers and all("needs root" in a.why for a in self.answers if a.asked):
            return f"not allowed: hashing needs root{rest}"
        if count < 2:
            return f"not comparable: {count} of {total} members told a hash{rest}"
        if not self.equal:
            parts = ", ".join(f"{a.row.name} at {a.hash.compact_revision}" for a in self.hashed if a.hash is not None)
            return f"not comparable: the members are compacted at different revisions ({parts}){rest}"
        return f"equal on {count} of {total}{rest}"

    def odd_words(self) -> str:
        """Who stands alone, where a majority agrees: ``m3 has 1a2b3c4d, the others 5e6f7a8b``."""
        by_hash: dict[int, list[str]] = {}
        for answer in self.hashed:
            if answer.hash is not None:
                by_hash.setdefault(answer.hash.hash, []).append(answer.row.name)
        groups = sorted(by_hash.items(), key=lambda item: len(item[1]))
        return ", ".join(f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} {h:08x}" for h, names in groups)

    @property
    def odd(self) -> tuple[MemberRow, ...]:
        """The members that differ from the majority; empty when there is no majority."""
        by_hash: dict[int, list[MemberRow]] = {}
        for answer in self.hashed:
            if answer.hash is not None:
                by_hash.setdefault(answer.hash.hash, []).append(answer.row)
        groups = sorted(by_hash.values(), key=len, reverse=True)
        if len(groups) < 2 or len(groups[0]) * 2 <= len(self.hashed):
            return ()
        return tuple(row for group in groups[1:] for row in group)


async def check_hashes(client: Client, view: ClusterView) -> HashCheck:
    """Hash the keys of every member at the lowest revision that all have reached.

    Reads the whole key bucket on each member. Needs root where authentication is on. A member without an answer is
    told as such; where members are compacted apart for the moment it is tried again.
    """
    check = await _once(client, view)
    for _ in range(ATTEMPTS - 1):
        if check.differs or check.equal or len(check.hashed) < 2:
            break
        await asyncio.sleep(PAUSE)
        check = await _once(client, view)
    return check


async def _once(client: Client, view: ClusterView) -> HashCheck:
    asked = [row for row in view.rows if not _why_not(row)]
    revision = await _common_revision(client, asked)

    async def one(row: MemberRow) -> HashAnswer:
        if why := _why_not(row):
            return HashAnswer(row, None, why, False)
        try:
            told = await client.maintenance.hash_kv(row.endpoint, revision=revision, timeout=HASH_DEADLINE)
        except (PermissionDenied, Unauthenticated):
            return HashAnswer(row, None, "permission denied, hashing needs root")
        except Compacted:
            return HashAnswer(row, None, f"revision {revision} is compacted there")
        except EtcdError as error:
            return HashAnswer(row, None, error.message)
        return HashAnswer(row, told)

    return HashCheck(revision, tuple(await asyncio.gather(*(one(row) for row in view.rows))))


async def _common_revision(client: Client, rows: Sequence[MemberRow]) -> int:
    """The lowest revision of these members, asked now: what the screen shows may be seconds old."""

    async def one(row: MemberRow) -> int:
        status = row.status
        try:
            status = await client.maintenance.status(row.endpoint, timeout=2.0)
        except EtcdError:
            pass
        return status.header.revision if status is not None and status.header is not None else 0

    told = [revision for revision in await asyncio.gather(*(one(row) for row in rows)) if revision]
    return min(told, default=0)


def _why_not(row: MemberRow) -> str:
    """Why a member cannot be asked; empty when it can."""
    if row.member.is_learner:
        return "a learner refuses"
    if not row.up:
        return row.state
    return "" if row.endpoint else "no endpoint leads to it"
