"""Calls about one member or about the cluster's upkeep."""

from __future__ import annotations

from etcdtui.client import convert, methods
from etcdtui.client.call import Caller
from etcdtui.core.types import EndpointStatus
from etcdtui.pb import rpc_pb2


class Maintenance:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def status(self, endpoint: str | None = None, *, timeout: float | None = None) -> EndpointStatus:
        """What a member says of itself; without ``endpoint`` some member answers."""
        answer = await self._caller.unary(methods.STATUS, rpc_pb2.StatusRequest(), endpoint=endpoint, timeout=timeout)
        return convert.status(answer, endpoint or self._caller.pool.name_of(answer.header.member_id))
