"""Endpoints that are not written down: DNS records, and members that answer at their advertised URLs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType

import pytest

from etcdtui.config.schema import ENVIRONMENTS, Profile, Tls
from etcdtui.core.errors import ConfigError, Unavailable
from etcdtui.services.session.discovery import discovered
from etcdtui.services.session.session import Session
from tests.services.dns_responder import dns_with
from tests.support import Server, TcpProxy

SSL, PLAIN = "_etcd-client-ssl._tcp.example.org", "_etcd-client._tcp.example.org"
BOTH = {
    SSL: ["10 5 2379 b.example.org.", "1 5 2379 a.example.org."],
    PLAIN: ["1 1 1379 c.example.org."],
}


async def test_the_records_become_endpoints_tls_first_by_priority() -> None:
    async with dns_with(BOTH) as resolver:
        profile = await discovered(Profile(discovery_srv="example.org"), resolver)
    assert profile.endpoints == (
        "https://a.example.org:2379",
        "https://b.example.org:2379",
        "http://c.example.org:1379",
    )
    assert profile.tls.server_name == "" and profile.is_tls


async def test_without_insecure_discovery_plaintext_is_dropped_and_the_domain_is_checked() -> None:
    async with dns_with(BOTH) as resolver:
        strict = Profile(discovery_srv="example.org.", insecure_discovery=False)
        profile = await discovered(strict, resolver)
        named = await discovered(
            Profile(discovery_srv="example.org", insecure_discovery=False, tls=Tls(server_name="x")), resolver
        )
    assert profile.endpoints == ("https://a.example.org:2379", "https://b.example.org:2379")
    assert (profile.tls.server_name, named.tls.server_name) == ("example.org", "x")
    async with dns_with({PLAIN: BOTH[PLAIN]}) as resolver:
        with pytest.raises(ConfigError, match=r"only plaintext endpoints \(1\)"):
            await discovered(strict, resolver)


async def test_the_name_of_the_service_can_have_a_suffix() -> None:
    async with dns_with({"_etcd-client-east._tcp.example.org": ["0 0 1 east.example.org."]}) as resolver:
        profile = await discovered(Profile(discovery_srv="example.org", discovery_srv_name="east"), resolver)
        assert profile.endpoints == ("http://east.example.org:1",)
        with pytest.raises(Unavailable, match="no endpoint found in DNS; _etcd-client-ssl"):
            await discovered(Profile(discovery_srv="example.org"), resolver)


async def test_a_session_opens_on_what_dns_says(etcd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    port = etcd.endpoint.rpartition(":")[2]
    async with dns_with({PLAIN: [f"0 0 {port} localhost."]}) as resolver:
        monkeypatch.setattr("etcdtui.services.session.discovery.Resolver", lambda: resolver)
        session = await Session.open(Profile(name="dns", discovery_srv="example.org"))
        try:
            assert session.client.endpoints == session.profile.endpoints == (f"http://localhost:{port}",)
            assert session.health.members_up == 1
        finally:
            await session.aclose()


def _profile(server: Server, **endpoint_map: str) -> Profile:
    return Profile(
        name="one",
        environment="dev",
        env=ENVIRONMENTS["dev"],
        endpoints=server.endpoints[:1],
        endpoint_map=MappingProxyType(endpoint_map),
        discover="reachable",
    )


async def test_only_the_endpoints_given_are_talked_to_unless_told_otherwise(cluster3: Server) -> None:
    plain = Profile(name="one", endpoints=cluster3.endpoints[:1])
    session = await Session.open(plain)
    try:
        assert session.client.endpoints == plain.endpoints
        assert (session.health.members_total, session.health.members_listed) == (1, 3)
    finally:
        await session.aclose()


async def test_members_are_reached_as_the_map_says_and_strangers_are_not_adopted(
    cluster3: Server, etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    proxy = await tcp_proxy(cluster3.endpoints[1])
    urls = [member.client_url for member in cluster3.members]
    session = await Session.open(_profile(cluster3, **{urls[1]: proxy.endpoint, urls[2]: etcd.endpoint}))
    try:
        assert session.client.endpoints == (cluster3.endpoints[0], proxy.endpoint)
        assert (session.health.members_up, session.health.members_total) == (2, 2)
        await proxy.refuse()
        health = await session.monitor.poll()
        lost = next(answer for answer in health.endpoints if answer.endpoint == proxy.endpoint)
        assert not lost.up and lost.member_id in {member.id for member in health.members}
    finally:
        await session.aclose()
