"""A file behind the client's own call seam: it answers what can be read, and refuses everything else in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from etcdtui.client._transport.calls import StreamCall
from etcdtui.client._transport.token import TokenSource
from etcdtui.client._wire import methods
from etcdtui.client._wire.methods import Effect, Kind, Method
from etcdtui.client.offline.answers import MANY, Answers
from etcdtui.client.offline.hashes import keys_hash, whole_hash
from etcdtui.client.offline.history import HistoryStream
from etcdtui.client.offline.opened_file import OpenedFile
from etcdtui.client.options import ClientOptions
from etcdtui.core import errors as e
from etcdtui.core.bbolt import Damaged
from etcdtui.core.tasks import awaited
from etcdtui.pb import rpc_pb2

Req = TypeVar("Req")
Resp = TypeVar("Resp")
T = TypeVar("T")

BLOB = 256 * 1024
"""Bytes in one message of the file itself."""
GONE = -1
"""The time to live of a lease that is not there, as servers say it."""


class OfflineCalls:
    """Answers from a proven file with the face of ``_transport.call.Caller``. ``name`` stands for the endpoint."""

    def __init__(self, file: OpenedFile, name: str, options: ClientOptions) -> None:
        self.options = options
        self.tokens = TokenSource(None, None, None, _nobody)
        self.endpoints = (name,)
        self._file = file
        self.contents = file.contents
        self.answers = Answers(file, self.contents, options.max_recv_bytes)
        self._closed = False
        self._heavy = asyncio.Lock()
        self._attached: dict[int, list[bytes]] | None = None
        self._streams: list[HistoryStream] = []
        self._small: dict[Method[Any, Any], Callable[[Any], Any]] = {
            methods.STATUS: self._status,
            methods.HEALTH: lambda _: methods.HealthReply(True, rpc_pb2.ResponseHeader()),
            methods.ALARM_LIST: lambda _: rpc_pb2.AlarmResponse(header=self._header, alarms=self.contents.alarms),
            methods.MEMBER_LIST: lambda _: rpc_pb2.MemberListResponse(
                header=self._header, members=self.contents.members
            ),
            methods.LEASE_LEASES: self._leases,
            methods.AUTH_STATUS: lambda _: rpc_pb2.AuthStatusResponse(
                header=self._header, enabled=self.contents.auth_enabled, authRevision=self.contents.auth_revision
            ),
            methods.USER_LIST: lambda _: rpc_pb2.AuthUserListResponse(header=self._header, users=self.contents.users),
            methods.ROLE_LIST: lambda _: rpc_pb2.AuthRoleListResponse(header=self._header, roles=self.contents.roles),
            methods.USER_GET: self._user,
            methods.ROLE_GET: self._role,
        }
        self._long: dict[Method[Any, Any], Callable[[Any], Any]] = {
            methods.RANGE: self.answers.range,
            methods.TXN: self.answers.txn,
            methods.TXN_READ: self.answers.txn,
            methods.LEASE_TIME_TO_LIVE: self._time_to_live,
            methods.HASH_KV: self._hash_kv,
            methods.HASH: self._hash,
        }

    @property
    def revision(self) -> int:
        return self.answers.revision

    @property
    def closed(self) -> bool:
        return self._closed

    def name_of(self, member_id: int) -> str:
        return self.endpoints[0]

    def renewing(self, lease_id: int) -> AbstractContextManager[None]:
        raise self._refused("a lease in it cannot be renewed")

    async def unary(
        self,
        method: Method[Req, Resp],
        request: Req,
        *,
        timeout: float | None = None,
        endpoint: str | None = None,
        require_leader: bool = False,
    ) -> Resp:
        """One answer; what would write raises ``WriteRefused``, whatever endpoint but the file ``Unavailable``."""
        self._check(endpoint)
        small = self._small.get(method)
        if small is not None:
            found: Resp = small(request)
            return found
        work = self._long.get(method)
        if work is None:
            if method.effect is Effect.WRITE:
                raise self._refused(f"{method.name} would write")
            raise e.NotSupported(f"{method.name} cannot be asked of a file", endpoint=self.endpoints[0])
        if self._is_quick(method, request):
            answer: Resp = self._read(work, request)
            return answer
        return await self._in_thread(lambda: self._read(work, request))

    async def open_stream(
        self,
        method: Method[Req, Resp],
        *,
        request: Req | None = None,
        endpoint: str | None = None,
        avoid: Container[str] = (),
        require_leader: bool = False,
        fresh_token: bool = False,
        timeout: float | None = None,
    ) -> StreamCall[Req, Resp]:
        self._check(endpoint)
        if method is methods.WATCH:
            history = HistoryStream(self.answers, self._file.revisions, self.endpoints[0])
            self._streams = [*(one for one in self._streams if not one.ended), history]
            return cast(StreamCall[Req, Resp], history)  # the types of this one method  # type: ignore[no-any-return]  # it speaks the types of this one method
        if method is methods.RANGE_STREAM:
            wanted: Any = request
            if not self.answers.is_quick(rpc_pb2.RangeRequest(key=wanted.key, range_end=wanted.range_end, limit=1)):
                await self._in_thread(self._file.revisions.prepare)
            return cast(StreamCall[Req, Resp], _RangeStream(self.answers.streamed(wanted), self))
        if method is methods.SNAPSHOT:
            return cast(StreamCall[Req, Resp], _FileStream(self._file, self))
        if method.effect is Effect.WRITE or method.kind is Kind.BIDI:
            raise self._refused(f"{method.name} would write")
        raise e.NotSupported(f"{method.name} cannot be asked of a file", endpoint=self.endpoints[0])

    def set_endpoints(self, endpoints: tuple[str, ...]) -> None:
        """There is but the file."""
        if endpoints != self.endpoints:
            raise e.NotSupported("a file has no endpoints", endpoint=self.endpoints[0])

    async def login(self, timeout: float) -> None:
        """Whoever can read the file may read all of it."""

    def refuse_new(self) -> None:
        self._closed = True

    async def aclose(self) -> None:
        """Ends streams and lets go of the file when nobody reads it any more. Safe to repeat."""
        self.refuse_new()
        for stream in self._streams:
            stream.cancel()
        async with self._heavy:
            self._file.close()

    def check(self) -> None:
        """Raises when the client is closed, or the file was changed since it was opened."""
        if self._closed:
            raise e.ClosedError()
        self._file.check()

    # --- answers -------------------------------------------------------------------------------------------------

    @property
    def _header(self) -> rpc_pb2.ResponseHeader:
        return self.answers.header

    def _check(self, endpoint: str | None) -> None:
        self.check()
        if endpoint is not None and endpoint not in self.endpoints:
            raise e.Unavailable("this is a file: no member is asked", endpoint=endpoint, retryable=False)

    def _refused(self, why: str) -> e.WriteRefused:
        return e.WriteRefused(f"{why}, and a snapshot stands still", endpoint=self.endpoints[0])

    def _read(self, work: Callable[[Any], T], request: Any) -> T:
        try:
            return work(request)
        except e.EtcdError as error:
            error.endpoint = error.endpoint or self.endpoints[0]
            raise
        except Damaged as problem:
            raise e.BadSnapshot(f"{self.endpoints[0]}: {problem}") from None
        except (ValueError, IndexError):
            if self._closed:  # the mapping was taken away under a thread that read
                raise e.ClosedError(endpoint=self.endpoints[0]) from None
            raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """One at a time: they share the processor anyway. A cancelled caller leaves it to run to its end."""
        async with self._heavy:
            running = awaited(asyncio.to_thread(work), "reading a snapshot")
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                await asyncio.wait([running])
                if not running.cancelled():
                    running.exception()
                raise

    def _is_quick(self, method: Method[Any, Any], request: Any) -> bool:
        if method is methods.RANGE:
            return self.answers.is_quick(request)
        if method in (methods.TXN, methods.TXN_READ):
            return self.answers.is_quick_txn(request)
        few = len(self._file.revisions.names) <= MANY
        return method is methods.LEASE_TIME_TO_LIVE and (not request.keys or self._attached is not None or few)

    def _status(self, _: rpc_pb2.StatusRequest) -> rpc_pb2.StatusResponse:
        """What the file says of its member. It is its own leader here, as nobody else answers."""
        contents, bolt = self.contents, self._file.bolt
        return rpc_pb2.StatusResponse(
            header=self._header,
            version=contents.version,
            storageVersion=contents.storage_version,
            dbSize=bolt.meta.pages * bolt.meta.page_size,
            dbSizeInUse=bolt.reached * bolt.meta.page_size,
            leader=self._header.member_id,
            raftIndex=contents.index,
            raftTerm=contents.term,
            raftAppliedIndex=contents.index,
            errors=[f"memberID:{one.memberID} alarm:{rpc_pb2.AlarmType.Name(one.alarm)} " for one in contents.alarms],
            downgradeInfo=rpc_pb2.DowngradeInfo(
                enabled=bool(contents.downgrade_target), targetVersion=contents.downgrade_target
            ),
        )

    def _leases(self, _: rpc_pb2.LeaseLeasesRequest) -> rpc_pb2.LeaseLeasesResponse:
        found = [rpc_pb2.LeaseStatus(ID=one) for one in self.contents.leases]
        return rpc_pb2.LeaseLeasesResponse(header=self._header, leases=found)

    def _time_to_live(self, request: rpc_pb2.LeaseTimeToLiveRequest) -> rpc_pb2.LeaseTimeToLiveResponse:
        """A lease has what was left of it when the file was written, and keeps it."""
        lease = self.contents.leases.get(request.ID)
        if lease is None:
            return rpc_pb2.LeaseTimeToLiveResponse(header=self._header, ID=request.ID, TTL=GONE)
        keys = self._keys_of(lease.id) if request.keys else ()
        return rpc_pb2.LeaseTimeToLiveResponse(
            header=self._header, ID=lease.id, TTL=lease.remaining or lease.ttl, grantedTTL=lease.ttl, keys=keys
        )

    def _keys_of(self, lease_id: int) -> list[bytes]:
        if self._attached is None:
            found: dict[int, list[bytes]] = {}
            for number in self._file.revisions.live():
                kv = self.answers.kv(number)
                if kv.lease:
                    found.setdefault(kv.lease, []).append(kv.key)
            self._attached = found
        return self._attached.get(lease_id, [])

    def _user(self, request: rpc_pb2.AuthUserGetRequest) -> rpc_pb2.AuthUserGetResponse:
        roles = self.contents.users.get(request.name)
        if roles is None:
            raise e.AuthManagement("user name not found", endpoint=self.endpoints[0])
        return rpc_pb2.AuthUserGetResponse(header=self._header, roles=roles)

    def _role(self, request: rpc_pb2.AuthRoleGetRequest) -> rpc_pb2.AuthRoleGetResponse:
        role = self.contents.roles.get(request.role)
        if role is None:
            raise e.AuthManagement("role name not found", endpoint=self.endpoints[0])
        return rpc_pb2.AuthRoleGetResponse(header=self._header, perm=role.keyPermission)

    def _hash_kv(self, request: rpc_pb2.HashKVRequest) -> rpc_pb2.HashKVResponse:
        compacted = self.contents.compacted
        if request.revision > self.revision:
            raise e.FutureRevision(f"this file ends at revision {self.revision}")
        if 0 < request.revision < compacted:
            raise e.Compacted(compact_revision=compacted)
        revision = request.revision if request.revision > 0 else self.revision
        return rpc_pb2.HashKVResponse(
            header=self._header,
            hash=keys_hash(self._file, revision, compacted),
            compact_revision=compacted,
            hash_revision=revision,
        )

    def _hash(self, _: rpc_pb2.HashRequest) -> rpc_pb2.HashResponse:
        return rpc_pb2.HashResponse(header=self._header, hash=whole_hash(self._file))


class _RangeStream:
    """The messages of one range, each made when it is asked for."""

    hasty = False

    def __init__(self, parts: Iterator[rpc_pb2.RangeResponse], calls: OfflineCalls) -> None:
        self.endpoint = calls.endpoints[0]
        self._parts = parts
        self._calls = calls
        self._over = False

    async def read(self) -> rpc_pb2.RangeStreamResponse | None:
        await asyncio.sleep(0)
        self._calls.check()
        part = None if self._over else next(self._parts, None)
        return None if part is None else rpc_pb2.RangeStreamResponse(range_response=part)

    async def write(self, request: rpc_pb2.RangeRequest) -> None:
        raise TypeError("only the server speaks on this stream")

    async def done_writing(self) -> None:
        """There was nothing to write."""

    def cancel(self) -> None:
        self._over = True


class _FileStream:
    """The file itself, as a member sends its snapshot."""

    hasty = False

    def __init__(self, file: OpenedFile, calls: OfflineCalls) -> None:
        self.endpoint = calls.endpoints[0]
        self._calls = calls
        self._data = file.data
        self._at = 0
        self._over = False

    async def read(self) -> rpc_pb2.SnapshotResponse | None:
        await asyncio.sleep(0)
        self._calls.check()
        blob = b"" if self._over else self._data[self._at : self._at + BLOB]
        self._at += len(blob)
        left = len(self._data) - self._at
        header = self._calls.answers.header
        return rpc_pb2.SnapshotResponse(header=header, blob=blob, remaining_bytes=left) if blob else None

    async def write(self, request: rpc_pb2.SnapshotRequest) -> None:
        raise TypeError("only the server speaks on this stream")

    async def done_writing(self) -> None:
        """There was nothing to write."""

    def cancel(self) -> None:
        self._over = True


def _nobody(user: str, password: str) -> Awaitable[str]:
    raise e.AuthNotEnabled("a file wants no login")
