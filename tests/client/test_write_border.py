"""Nothing that changes a cluster is sent past the write gate, however it is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import message_factory

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.client._wire import methods
from etcdtui.client._wire.methods import Effect, Kind, Method
from etcdtui.core.types import WriteIntent
from etcdtui.pb import election_pb2, lock_pb2, rpc_pb2
from tests.support.server import Server

pytestmark = pytest.mark.matrix

READ_ONLY = {
    *("KV/Range", "KV/RangeStream", "Watch/Watch", "Lease/LeaseTimeToLive", "Lease/LeaseLeases"),
    *("Cluster/MemberList", "Maintenance/Status", "Maintenance/Hash", "Maintenance/HashKV", "Maintenance/Snapshot"),
    *("Auth/AuthStatus", "Auth/Authenticate", "Auth/UserGet", "Auth/UserList", "Auth/RoleGet", "Auth/RoleList"),
    *("Election/Leader", "Election/Observe"),
}
PUT = rpc_pb2.RequestOp(request_put=rpc_pb2.PutRequest(key=b"k", value=b"v"))
CHANGING = {
    "KV/Put": rpc_pb2.PutRequest(key=b"k", value=b"v"),
    "KV/DeleteRange": rpc_pb2.DeleteRangeRequest(key=b"k"),
    "KV/Txn": rpc_pb2.TxnRequest(failure=[PUT]),
    "Maintenance/Alarm": rpc_pb2.AlarmRequest(action=rpc_pb2.AlarmRequest.ACTIVATE, memberID=1),
    "Maintenance/Downgrade": rpc_pb2.DowngradeRequest(action=rpc_pb2.DowngradeRequest.CANCEL),
}
"""Requests that change something, where the empty one does not."""
TABLE = [method for method in vars(methods).values() if isinstance(method, Method)]


def rpcs() -> Iterator[tuple[str, str, Any]]:
    """Short name, path and an empty request of every RPC that the protocol has."""
    for module in (rpc_pb2, lock_pb2, election_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for rpc in service.methods:
                request = message_factory.GetMessageClass(rpc.input_type)()
                yield f"{service.name}/{rpc.name}", f"/{service.full_name}/{rpc.name}", request


def refuse(intent: WriteIntent) -> None:
    raise errors.WriteRefused(intent.method)


def test_the_table_has_every_rpc() -> None:
    assert {m.path for m in TABLE} - {path for _, path, _ in rpcs()} == {methods.HEALTH.path}
    assert {path for _, path, _ in rpcs()} <= {m.path for m in TABLE}
    assert {name for name, _, _ in rpcs()} > READ_ONLY


async def send(client: Client, method: Method[Any, Any], request: Any) -> None:
    """By the lowest way that users of the library have."""
    if method.kind is Kind.UNARY:
        await client.caller.unary(method, request)
        return
    two_sided = method.kind is Kind.BIDI
    stream = await client.caller.open_stream(method, request=None if two_sided else request)
    try:
        if two_sided:
            await stream.write(request)
    finally:
        stream.cancel()


async def test_no_method_of_the_table_changes_anything_past_the_gate(etcd: Server) -> None:
    requests = {path: (name, CHANGING.get(name, request)) for name, path, request in rpcs()}
    before = await etcd.put("k", "old")
    refused: set[str] = set()
    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=refuse) as client:
        for method in TABLE:
            if method is methods.HEALTH:
                assert await client.maintenance.serving()
                continue
            name, request = requests[method.path]
            try:
                await send(client, method, request)
            except errors.WriteRefused:
                refused.add(name)
            except errors.EtcdError:
                assert name in READ_ONLY, f"{name} was sent"
            else:
                assert name in READ_ONLY, f"{name} was sent"
        assert refused == {name for name, _, _ in rpcs()} - READ_ONLY
        assert client.revision in (0, before)
    assert await etcd.put("k2", "v") == before + 1
    assert not (await etcd.call("lease/leases")).get("leases")


async def test_a_method_of_ones_own_does_not_pass(etcd: Server) -> None:
    """Known or not, called one way or the other: what is not known to be a read counts as a write."""
    put = methods.PUT
    own = [
        Method(n, put.path, k, Effect.READ, put.encode, put.decode) for n, k in (("a", Kind.UNARY), ("b", Kind.BIDI))
    ]
    own.append(Method("KV/PutAll", "/etcdserverpb.KV/PutAll", Kind.UNARY, Effect.READ, put.encode, put.decode))
    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=refuse) as client:
        for method in own:
            with pytest.raises(errors.WriteRefused):
                await send(client, method, CHANGING["KV/Put"])
        renew: Any = [rpc_pb2.LeaseKeepAliveRequest(ID=7)]  # which gRPC would send one by one
        with pytest.raises(ValueError):
            await client.caller.unary(methods.LEASE_KEEP_ALIVE, renew)
        with pytest.raises(ValueError):
            await client.caller.open_stream(methods.LEASE_KEEP_ALIVE, request=renew)
    assert await etcd.get("k") is None


async def test_the_gate_sees_what_is_sent(etcd: Server) -> None:
    """Not what the sender says of it; and a request that only reads is none of its business."""
    asked: list[WriteIntent] = []
    delete = rpc_pb2.RequestOp(request_delete_range=rpc_pb2.DeleteRangeRequest(key=b"a", range_end=b"b"))
    ops = [PUT, rpc_pb2.RequestOp(request_txn=rpc_pb2.TxnRequest(failure=[delete]))]
    reading = rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp(request_range=rpc_pb2.RangeRequest(key=b"k"))])
    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=asked.append) as client:
        await client.caller.unary(methods.TXN_READ, rpc_pb2.TxnRequest(success=ops))
        await client.caller.unary(methods.TXN, reading)
        await client.caller.unary(methods.ALARM_CHANGE, rpc_pb2.AlarmRequest())
        await client.maintenance.disarm()
        await client.maintenance.defragment(etcd.endpoint)
        await client.auth.user_add("u", "p")
    assert asked == [
        WriteIntent("KV/Txn", (b"k",), ((b"a", b"b"),)),
        WriteIntent("Maintenance/Defragment", detail=etcd.endpoint),
        WriteIntent("Auth/UserAdd", detail="u"),
    ]


async def test_renewals_pass_only_for_leases_that_may_be_kept_alive(etcd: Server) -> None:
    allowed: set[int] = set()

    def gate(intent: WriteIntent) -> None:
        if intent.method == "Lease/LeaseKeepAlive" and intent.lease not in allowed:
            raise errors.WriteRefused(str(intent.lease))

    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=gate) as client:
        one, other = await client.lease.grant(3), await client.lease.grant(60)
        with pytest.raises(errors.WriteRefused):
            await client.caller.open_stream(methods.LEASE_KEEP_ALIVE)
        with pytest.raises(errors.WriteRefused):
            await client.lease.keep_alive_once(one.id)
        allowed.add(one.id)
        async with client.lease.keep_alive(one.id) as renewals:
            allowed.clear()  # it was asked when it began
            for _ in range(3):
                assert await anext(renewals) == 3
            stream = await client.caller.open_stream(methods.LEASE_KEEP_ALIVE)
            with pytest.raises(errors.WriteRefused, match=str(other.id)):
                await stream.write(rpc_pb2.LeaseKeepAliveRequest(ID=other.id))
        with pytest.raises(errors.WriteRefused, match=str(one.id)):
            await stream.write(rpc_pb2.LeaseKeepAliveRequest(ID=one.id))
        stream.cancel()
        with pytest.raises(errors.WriteRefused):
            async with client.lease.keep_alive(one.id):
                pass


async def test_a_lease_left_before_its_renewal_is_sent_harms_nobody(etcd: Server) -> None:
    """Its renewal waits for the stream and is then not sent any more; that of the other one is."""
    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=lambda _: None) as client:
        stays, goes = await client.lease.grant(2), await client.lease.grant(2)
        async with client.lease.keep_alive(stays.id) as renewals:
            assert await anext(renewals) == 2
            for _ in range(20):
                async with client.lease.keep_alive(goes.id):
                    pass
            for _ in range(4):
                assert await anext(renewals) == 2
