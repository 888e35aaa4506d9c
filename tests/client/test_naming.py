"""Services by name, in the form that Go's library reads and writes."""

from __future__ import annotations

import asyncio
import json

import pytest

from etcdtui.client import Client, ClientOptions, Naming, ServiceEndpoint, connect, errors
from etcdtui.client.naming import Found
from tests.support.poll import eventually
from tests.support.server import Server

WEB = ServiceEndpoint("10.0.0.7:80", {"zone": "a", "weight": 3})
"""As Go writes it: ``{"Op":0,"Addr":"10.0.0.7:80","Metadata":{...}}``."""


@pytest.mark.matrix
async def test_endpoints_are_written_as_go_writes_them(client: Client, etcd: Server) -> None:
    naming = Naming(client, "services/web")
    await naming.add("one", WEB.address, WEB.metadata)
    written = await etcd.get("services/web/one")
    assert written is not None
    assert json.loads(written) == {"Op": 0, "Addr": "10.0.0.7:80", "Metadata": {"zone": "a", "weight": 3}}
    assert await naming.list() == {"one": WEB}
    await naming.remove("one")
    assert await naming.list(serializable=True) == {}


async def test_what_go_wrote_is_read_and_what_is_none_is_passed_over(client: Client, etcd: Server) -> None:
    await etcd.put("s/go", '{"Op":0,"Addr":"h:1","Metadata":null}')
    await etcd.put("s/lower", '{"op":0,"addr":"h:2"}')
    for name, value in (("text", "hello"), ("list", "[1]"), ("number", '{"Addr": 7}'), ("bytes", b"\xff\x00")):
        await etcd.put(f"s/{name}", value)
    await etcd.put("s", "not below it")
    found = await Naming(client, "s").list()
    assert found == {"go": ServiceEndpoint("h:1"), "lower": ServiceEndpoint("h:2")}


async def test_several_changes_happen_at_once_or_not_at_all(client: Client) -> None:
    naming = Naming(client, "s")
    await naming.update({"a": ServiceEndpoint("h:1"), "b": ServiceEndpoint("h:2")})
    done = await naming.update({"c": ServiceEndpoint("h:3")}, remove=("a",))
    assert done.header is not None
    assert set(await naming.list()) == {"b", "c"}
    with pytest.raises(errors.BadArgument):
        await naming.update({"d": ServiceEndpoint("h:4"), "e": ServiceEndpoint("")})
    with pytest.raises(errors.BadArgument):
        await naming.add("f", "h:5", object())
    with pytest.raises(errors.LeaseNotFound):
        await naming.update({"g": ServiceEndpoint("h:6")}, remove=("b",), lease=77)
    assert set(await naming.list()) == {"b", "c"}


async def following(naming: Naming, wanted: Found) -> None:
    async with naming.watch() as live:
        async for found in live:
            if found == wanted:
                assert live.now == wanted
                return


@pytest.mark.matrix
async def test_a_watcher_sees_endpoints_come_and_go(client: Client) -> None:
    naming = Naming(client, "s")
    async with naming.watch(timeout=5) as live:
        assert await anext(live) == {}
        async with naming.registered("a", "h:1", ttl=5):
            assert await asyncio.wait_for(anext(live), 5) == {"a": ServiceEndpoint("h:1")}
            await naming.add("b", "h:2")
            assert set(await asyncio.wait_for(anext(live), 5)) == {"a", "b"}
        assert set(await asyncio.wait_for(anext(live), 5)) == {"b"}


async def test_an_endpoint_whose_lease_was_lost_is_put_again(client: Client, etcd: Server) -> None:
    naming = Naming(client, "s")
    async with naming.registered("a", "h:1", {"n": 1}, ttl=5) as registration:
        first = registration.session
        assert first is not None
        await client.lease.revoke(first.lease_id)
        await eventually(lambda: registration.session is not first, 10.0)
        await asyncio.wait_for(following(naming, {"a": ServiceEndpoint("h:1", {"n": 1})}), 10)
        with pytest.raises(RuntimeError):
            await registration.__aenter__()
    assert await etcd.get("s/a") is None


async def test_registering_where_nobody_answers_ends_in_time(unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        with pytest.raises(errors.EtcdError):
            async with Naming(client, "s").registered("a", "h:1", timeout=0.3):
                pytest.fail("it was entered")
        with pytest.raises(ValueError):
            Naming(client, "")
