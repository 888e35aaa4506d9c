"""Membership."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from etcdtui.client._transport.calls import Calls
from etcdtui.client._wire import convert, methods
from etcdtui.client._wire.endpoints import parse_endpoint
from etcdtui.core.errors import ConfigError
from etcdtui.core.types import Members
from etcdtui.pb import rpc_pb2

UINT64_MAX = 2**64 - 1


class Cluster:
    """Changes need a quorum and hang without one, so each ends at ``timeout`` (``None``: the command timeout)."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller

    async def members(self, *, linearizable: bool = True, timeout: float | None = None) -> Members:
        """All members, learners included. ``linearizable=False`` takes one member's view and works without quorum."""
        request = rpc_pb2.MemberListRequest(linearizable=linearizable)
        answer = await self._caller.unary(methods.MEMBER_LIST, request, timeout=timeout)
        return convert.members(answer.members, answer.header)

    async def add(self, peer_urls: Iterable[str], *, learner: bool = False, timeout: float | None = None) -> Members:
        """Announces a new member; the result's ``member`` is the new one."""
        urls = checked_urls(peer_urls)
        request = rpc_pb2.MemberAddRequest(peerURLs=urls, isLearner=learner)
        answer = await self._caller.unary(methods.MEMBER_ADD, request, timeout=timeout)
        found = convert.members(answer.members, answer.header)
        found.member = convert.member(answer.member)
        return found

    async def remove(self, member_id: int, *, timeout: float | None = None) -> Members:
        """Takes a member out for good; its process ends by itself."""
        request = rpc_pb2.MemberRemoveRequest(ID=member_number(member_id))
        answer = await self._caller.unary(methods.MEMBER_REMOVE, request, timeout=timeout)
        return convert.members(answer.members, answer.header)

    async def update(self, member_id: int, peer_urls: Iterable[str], *, timeout: float | None = None) -> Members:
        """Changes a member's peer URLs. Before 3.5.31 and 3.6.12 this silently promotes a learner."""
        urls = checked_urls(peer_urls)
        request = rpc_pb2.MemberUpdateRequest(ID=member_number(member_id), peerURLs=urls)
        answer = await self._caller.unary(methods.MEMBER_UPDATE, request, timeout=timeout)
        return convert.members(answer.members, answer.header)

    async def promote(self, member_id: int, *, timeout: float | None = None) -> Members:
        """Makes a learner a voter; ``LearnerNotReady`` while it lags behind the leader."""
        request = rpc_pb2.MemberPromoteRequest(ID=member_number(member_id))
        answer = await self._caller.unary(methods.MEMBER_PROMOTE, request, timeout=timeout)
        return convert.members(answer.members, answer.header)


def member_number(value: int) -> int:
    """A member ID: unsigned, 64 bits, not 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= UINT64_MAX:
        raise ValueError(f"a member ID must be a whole number from 1 to {UINT64_MAX}, not {value!r}")
    return value


def checked_urls(urls: Iterable[str]) -> list[str]:
    """The peer URLs as a list; ``ValueError`` for what no server takes."""
    if isinstance(urls, str):
        raise ValueError("peer_urls must be a list of URLs, not one string")
    found = list(urls)
    if not found:
        raise ValueError("at least one peer URL is needed")
    for url in found:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "unix", "unixs"):
            raise ValueError(f"peer URL {url!r}: the scheme must be http, https, unix or unixs")
        if parts.scheme in ("http", "https") and (parts.path or parts.query or parts.fragment or parts.username):
            raise ValueError(f"peer URL {url!r}: only host and port may be given")
        try:
            parse_endpoint(url)
        except ConfigError as error:
            raise ValueError(f"peer URL: {error.message}") from None
    return found
