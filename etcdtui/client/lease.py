"""Leases: grant, revoke, look at, and keep alive."""

from __future__ import annotations

import asyncio

from etcdtui.client._lease.keepalive import KeepAlive, KeepAliveHub
from etcdtui.client._lease.stream import renew_once
from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.stream_policy import Backoff, Trouble, Verdict, verdict
from etcdtui.client._wire import methods
from etcdtui.client._wire.convert import header
from etcdtui.client._wire.ranges import INT64_MAX, lease_id
from etcdtui.core import errors
from etcdtui.core.types import Ack, Lease, LeaseIds, LeaseTimeToLive
from etcdtui.pb import rpc_pb2

ONCE_FIRST_PAUSE = 0.025
ONCE_PAUSE_CAP = 1.0


class LeaseClient:
    """``client.lease``. TTLs are whole seconds, IDs signed 64-bit numbers (etcd picks positive ones)."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller
        self._hub = KeepAliveHub(caller)

    async def grant(self, ttl: int, *, id: int = 0, timeout: float | None = None) -> Lease:  # noqa: A002
        """A new lease; ``id`` 0 lets the server choose. The server raises a TTL below its minimum: use ``.ttl``.

        ``LeaseExists`` for an ID in use, ``LeaseTtlTooLarge`` above 9,000,000,000 s, ``NoSpace`` when writes are off.
        """
        if isinstance(ttl, bool) or not isinstance(ttl, int) or abs(ttl) > INT64_MAX:
            raise ValueError(f"a TTL must be a whole number of seconds, not {ttl!r}")
        request = rpc_pb2.LeaseGrantRequest(TTL=ttl, ID=lease_id(id))
        answer = await self._caller.unary(methods.LEASE_GRANT, request, timeout=timeout)
        return Lease(answer.ID, answer.TTL, header(answer.header))

    async def revoke(self, id: int, *, timeout: float | None = None) -> Ack:  # noqa: A002
        """End a lease and delete its keys, all at one revision; ``LeaseNotFound`` when there is none."""
        request = rpc_pb2.LeaseRevokeRequest(ID=lease_id(id))
        answer = await self._caller.unary(methods.LEASE_REVOKE, request, timeout=timeout)
        return Ack(header(answer.header))

    async def time_to_live(self, id: int, *, keys: bool = False, timeout: float | None = None) -> LeaseTimeToLive:  # noqa: A002
        """What is left of a lease and, with ``keys``, what hangs on it; a lease that is gone has ``ttl`` -1."""
        request = rpc_pb2.LeaseTimeToLiveRequest(ID=lease_id(id), keys=keys)
        answer = await self._caller.unary(methods.LEASE_TIME_TO_LIVE, request, timeout=timeout)
        return LeaseTimeToLive(id, answer.TTL, answer.grantedTTL, tuple(answer.keys), header(answer.header))

    async def leases(self, *, timeout: float | None = None) -> LeaseIds:
        """The IDs of all leases as one member sees them; answered without a quorum too."""
        answer = await self._caller.unary(methods.LEASE_LEASES, rpc_pb2.LeaseLeasesRequest(), timeout=timeout)
        found = LeaseIds(lease.ID for lease in answer.leases)
        found.header = header(answer.header)
        return found

    async def keep_alive_once(self, id: int, *, timeout: float | None = None) -> int:  # noqa: A002
        """Renew once and return the TTL; tries other endpoints with growing pauses until ``timeout`` seconds.

        ``LeaseNotFound`` when the lease is gone. ``timeout`` ``None`` is the client's command timeout, 0 no limit.
        """
        limit = self._caller.options.command_timeout if timeout is None else timeout
        run = _Once(self._caller, lease_id(id))
        try:
            with self._caller.renewing(id):
                async with asyncio.timeout(limit or None):
                    return await run.renewed()
        except TimeoutError:
            last = f"; the last failure was: {run.last.message}" if run.last is not None else ""
            raise errors.DeadlineExceeded(f"the lease was not renewed within {limit:g} s{last}") from None

    def keep_alive(self, id: int) -> KeepAlive:  # noqa: A002
        """Renew a lease until the block is left: ``async with client.lease.keep_alive(id) as ttls``."""
        return KeepAlive(self._hub, lease_id(id))

    async def aclose(self) -> None:
        await self._hub.aclose()


class _Once:
    """The attempts of one ``keep_alive_once``."""

    def __init__(self, caller: Calls, lease_id: int) -> None:
        self.last: errors.EtcdError | None = None
        self._caller = caller
        self._lease_id = lease_id

    async def renewed(self) -> int:
        trouble, backoff = Trouble(), Backoff(ONCE_FIRST_PAUSE, ONCE_PAUSE_CAP)
        loop = asyncio.get_running_loop()
        fresh_token = False
        while True:
            avoid = trouble.avoid(self._caller.endpoints)
            try:
                return await renew_once(self._caller, self._lease_id, avoid=avoid, fresh_token=fresh_token)
            except errors.EtcdError as error:
                self.last = error
                advice = verdict(error)
                relogin = advice is Verdict.FRESH_TOKEN and not fresh_token
                if advice is not Verdict.RETRY and not relogin:
                    raise
                fresh_token = relogin
                trouble.failed(error, loop.time(), worked=False)
            await asyncio.sleep(backoff.next())
