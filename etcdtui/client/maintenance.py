"""Calls about one member or about the cluster's upkeep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import IntEnum
from os import PathLike

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import convert, methods
from etcdtui.client._wire.choices import choice
from etcdtui.client._wire.ranges import whole
from etcdtui.client.cluster import UINT64_MAX, Cluster, member_number
from etcdtui.client.snapshot_file import OnProgress, save
from etcdtui.core import errors as e
from etcdtui.core.tasks import awaited
from etcdtui.core.types import (
    Alarms,
    AlarmType,
    DowngradeResult,
    EndpointStatus,
    HashKV,
    SavedSnapshot,
    SnapshotChunk,
)
from etcdtui.pb import rpc_pb2


class DowngradeAction(IntEnum):
    VALIDATE = 0
    ENABLE = 1
    CANCEL = 2


class Maintenance:
    """``endpoint`` names the member that is to answer or to act; it need not be one of the client's endpoints.

    ``timeout`` is in seconds, ``None`` the command timeout, 0 none.
    """

    def __init__(self, caller: Calls) -> None:
        self._caller = caller

    async def status(self, endpoint: str | None = None, *, timeout: float | None = None) -> EndpointStatus:
        """What a member says of itself; works without a leader. Without ``endpoint`` some member answers."""
        answer = await self._caller.unary(methods.STATUS, rpc_pb2.StatusRequest(), endpoint=endpoint, timeout=timeout)
        return convert.status(answer, endpoint or self._caller.name_of(answer.header.member_id))

    async def read_through(self, endpoint: str, *, timeout: float | None = None) -> None:
        """One read through the leader at a member, as ``etcdctl endpoint health`` does; a learner refuses it.

        ``PermissionDenied`` proves a leader too. Inside a namespace as well the key ``health`` of the store is read.
        """
        request = rpc_pb2.RangeRequest(key=b"health", count_only=True)
        await self._caller.unary(methods.RANGE, request, endpoint=endpoint, timeout=timeout)

    async def serving(self, endpoint: str | None = None, *, timeout: float | None = None) -> bool:
        """gRPC's own health check: whether the member takes requests (false while it defragments, if so configured)."""
        return (await self._caller.unary(methods.HEALTH, b"", endpoint=endpoint, timeout=timeout)).serving

    async def alarms(self, *, timeout: float | None = None) -> Alarms:
        """Active alarms of all members; needs a leader."""
        return convert.alarms(await self._caller.unary(methods.ALARM_LIST, rpc_pb2.AlarmRequest(), timeout=timeout))

    async def activate(self, member_id: int, alarm: AlarmType | int | str, *, timeout: float | None = None) -> Alarms:
        """Raises an alarm by hand, which stops writes cluster-wide."""
        return await self._change(rpc_pb2.AlarmRequest.ACTIVATE, member_number(member_id), _alarm(alarm), timeout)

    async def disarm(
        self, member_id: int = 0, alarm: AlarmType | int | str | None = None, *, timeout: float | None = None
    ) -> Alarms:
        """Clears the alarms that match (default: all) and returns them; none active is no error.

        NOSPACE comes back with the next write unless space was freed first.
        """
        if isinstance(member_id, bool) or not isinstance(member_id, int) or not 0 <= member_id <= UINT64_MAX:
            raise ValueError(f"a member ID must be a whole number from 0 to {UINT64_MAX}, not {member_id!r}")
        kind = None if alarm is None else _alarm(alarm)
        deadline = self._deadline(timeout)
        active = await self.alarms(timeout=deadline.left())
        cleared = Alarms(a for a in active if member_id in (0, a.member_id) and kind in (None, a.type))
        cleared.header = active.header
        for number, found in enumerate(cleared):
            left = deadline.left(applied="maybe" if number else "no")
            answer = await self._change(rpc_pb2.AlarmRequest.DEACTIVATE, found.member_id, found.type, left)
            cleared.header = answer.header
        return cleared

    async def defragment(self, endpoint: str, *, timeout: float | None = 0.0) -> None:
        """Rewrites one member's database file. It serves nothing meanwhile, and goes on even if the caller gives up;
        therefore no deadline unless one is given."""
        await self._caller.unary(methods.DEFRAGMENT, rpc_pb2.DefragmentRequest(), endpoint=endpoint, timeout=timeout)

    async def hash_kv(self, endpoint: str | None = None, *, revision: int = 0, timeout: float | None = None) -> HashKV:
        """One member's checksum of all revisions up to ``revision`` (0: its current one).

        Comparable only between members that report the same revision and the same ``compact_revision``.
        """
        request = rpc_pb2.HashKVRequest(revision=whole("revision", revision))
        answer = await self._caller.unary(methods.HASH_KV, request, endpoint=endpoint, timeout=timeout)
        return HashKV(answer.hash, answer.compact_revision, answer.hash_revision, convert.header(answer.header))

    async def move_leader(self, target_id: int, *, timeout: float | None = None) -> None:
        """Hands leadership to a started voting member; finds the leader itself, as only the leader accepts this."""
        request = rpc_pb2.MoveLeaderRequest(targetID=member_number(target_id))
        problem: e.EtcdError = e.NotLeader("no endpoint leads to the leader; add its client URL to the endpoints")
        deadline = self._deadline(timeout)
        for endpoint in await self._leader_first(deadline):
            left = deadline.left(last=problem.message)
            try:
                await self._caller.unary(methods.MOVE_LEADER, request, endpoint=endpoint, timeout=left)
            except (e.NotLeader, e.LearnerRefused):
                continue
            except e.Unavailable as error:
                if error.applied != "no":
                    raise
                problem = error
            else:
                return
        raise problem

    async def downgrade(
        self, action: DowngradeAction | int | str, version: str = "", *, timeout: float | None = None
    ) -> DowngradeResult:
        """``"validate"`` or ``"enable"`` with the version to go to, one minor below, or ``"cancel"``.

        From 3.6 on the server reports success for a cancel even when there was nothing to cancel.
        """
        kind = choice(DowngradeAction, action, "the action")
        if kind is not DowngradeAction.CANCEL and not version:
            raise ValueError("a version such as 3.5 is needed")
        request = rpc_pb2.DowngradeRequest(action=kind.value, version=version)  # type: ignore[arg-type]  # int enums
        if kind is DowngradeAction.VALIDATE:
            answer = await self._caller.unary(methods.DOWNGRADE_VALIDATE, request, timeout=timeout)
        else:
            answer = await self._caller.unary(methods.DOWNGRADE_CHANGE, request, timeout=timeout)
        return DowngradeResult(answer.version, convert.header(answer.header))

    async def snapshot(
        self, endpoint: str | None = None, *, timeout: float | None = None
    ) -> AsyncGenerator[SnapshotChunk, None]:
        """One member's database as it is now, in chunks; the last one is the 32-byte SHA-256 of all before it.

        ``timeout`` is for the whole of it; ``None`` bounds only the finding of the member, by the command timeout. A
        member that falls silent ends it in either case, once the connection's keep-alive notices.
        """
        request = rpc_pb2.SnapshotRequest()
        stream = messages(self._caller, methods.SNAPSHOT, request, endpoint=endpoint, timeout=timeout)
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                yield SnapshotChunk(chunk.blob, chunk.remaining_bytes, chunk.version)

    async def save_snapshot(
        self,
        path: str | PathLike[str],
        endpoint: str | None = None,
        on_progress: OnProgress | None = None,
        *,
        overwrite: bool = False,
        timeout: float | None = None,
    ) -> SavedSnapshot:
        """Saves a verified snapshot (mode 0600) under ``path``, which gets its name only when it is whole.

        ``on_progress`` is told bytes done and bytes in total; ``timeout`` is that of ``snapshot``. Raises
        ``SnapshotError`` for a broken or short stream, for trouble with the file, and when the name is taken, unless
        ``overwrite`` lets the snapshot replace what is there. Whatever happens, no partial file is left.
        """
        async with aclosing(self.snapshot(endpoint, timeout=timeout)) as chunks:
            return await save(chunks, path, on_progress, overwrite=overwrite)

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._caller.options.command_timeout if timeout is None else timeout)

    async def _change(self, action: int, member_id: int, alarm: AlarmType, timeout: float | None) -> Alarms:
        request = rpc_pb2.AlarmRequest(action=action, memberID=member_id, alarm=alarm.value)  # type: ignore[arg-type]  # int enums
        return convert.alarms(await self._caller.unary(methods.ALARM_CHANGE, request, timeout=timeout))

    async def _leader_first(self, deadline: Deadline) -> list[str]:
        """Endpoints to try: the leader's as soon as it is known, else those that members name, then all others."""
        known = self._caller.endpoints
        leaders: set[int] = set()
        half = deadline.left() / 2  # what is left for the move itself where a member is silent
        asking = [awaited(self.status(name, timeout=half), "finding the leader") for name in known]
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    status = await answer
                except e.EtcdError:
                    continue
                if status.is_leader:
                    return [status.endpoint, *(name for name in known if name != status.endpoint)]
                leaders.add(status.leader)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        try:
            members = await Cluster(self._caller).members(linearizable=False, timeout=deadline.left())
        except e.EtcdError:
            return list(known)
        return [url for member in members if member.id in leaders for url in member.client_urls] + list(known)


def _alarm(value: AlarmType | int | str) -> AlarmType:
    return choice(AlarmType, value, "the alarm", without=(AlarmType.NONE,))
