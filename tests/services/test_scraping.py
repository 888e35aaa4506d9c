"""The members over HTTP: each apart, with the profile's TLS, and a reason for what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.client import ClientOptions, TlsOptions
from etcdtui.client.http import HttpSide
from etcdtui.core.errors import TlsError, Unavailable
from etcdtui.demo.cluster import free_ports
from etcdtui.services.cluster.metrics import FSYNC
from etcdtui.services.cluster.scraping import HTTP_DEADLINE, Scraper, Target
from tests.conftest import ServerFactory
from tests.support import Server, TcpProxy, TlsMaterial, requires_server
from tests.support.metrics import MetricsServer, MetricsText


@pytest.fixture
async def scrapers() -> AsyncIterator[list[Scraper]]:
    made: list[Scraper] = []
    yield made
    for scraper in made:
        await scraper.aclose()


async def _targets(server: Server) -> list[Target]:
    statuses = [await server.call("maintenance/status", member) for member in server.members]
    return [
        Target(int(status["header"]["member_id"]), member.endpoint)
        for status, member in zip(statuses, server.members, strict=True)
    ]


@pytest.mark.matrix
async def test_every_member_is_read_and_a_second_scrape_gives_figures_of_now(
    cluster3: Server, scrapers: list[Scraper]
) -> None:
    targets = await _targets(cluster3)
    scraper = Scraper(ClientOptions(cluster3.endpoints))
    scrapers.append(scraper)
    await scraper.refresh(targets)
    assert [scraper.of(t.endpoint).why for t in targets] == ["", "", ""]
    await cluster3.put("k", "v")
    await scraper.refresh(targets, fresh=True)
    for target in targets:
        told = scraper.of(target.endpoint).p99(FSYNC)
        assert told is not None and not told.since_start
        facts = scraper.facts[target.endpoint]
        assert facts.server_version == ".".join(map(str, cluster3.version)) and facts.healthy
        assert facts.least_skew == 0.0
        assert facts.ready is (
            None if cluster3.version < (3, 4, 29) or (3, 5) <= cluster3.version < (3, 5, 11) else True
        )


async def test_a_frozen_member_costs_the_others_nothing(cluster3: Server, scrapers: list[Scraper]) -> None:
    targets = await _targets(cluster3)
    scraper = Scraper(ClientOptions(cluster3.endpoints))
    scrapers.append(scraper)
    cluster3.members[2].pause()
    await scraper.refresh(targets)
    assert [bool(scraper.of(t.endpoint).why) for t in targets] == [False, False, True]
    assert scraper.of(targets[2].endpoint).why == f"no answer over HTTP within {HTTP_DEADLINE:g} s"


async def test_metrics_are_matched_by_the_id_in_them_never_by_address(
    cluster3: Server, scrapers: list[Scraper]
) -> None:
    first, second, _ = await _targets(cluster3)
    scraper = Scraper(ClientOptions(cluster3.endpoints))
    scrapers.append(scraper)
    await scraper.refresh([Target(first.member_id, second.endpoint)])
    assert scraper.of(second.endpoint).why == "another member answers there"


async def test_urls_of_the_profile_are_asked_and_matched(cluster3: Server, scrapers: list[Scraper]) -> None:
    first, second, third = await _targets(cluster3)
    async with MetricsServer(MetricsText(second.member_id)) as known, MetricsServer(MetricsText(99)) as other:
        scraper = Scraper(ClientOptions(cluster3.endpoints), urls=[known.url, f"{other.url}/metrics"])
        scrapers.append(scraper)
        await scraper.refresh([first, second, third])
        assert scraper.of(second.endpoint).latest is not None
        assert f"{other.url}/metrics: it is not a member of this cluster" in scraper.of(first.endpoint).why
        known.status = 503
        await scraper.refresh([first, second, third], fresh=True)
        assert "/metrics answers 503" in scraper.of(second.endpoint).why


async def test_a_question_still_open_is_not_asked_twice(cluster3: Server, scrapers: list[Scraper]) -> None:
    first, *_ = await _targets(cluster3)
    async with MetricsServer(MetricsText(first.member_id)) as slow:
        slow.hold.clear()
        scraper = Scraper(ClientOptions(cluster3.endpoints), urls=[slow.url])
        scrapers.append(scraper)
        reading = asyncio.gather(scraper.refresh([first]), scraper.refresh([first], fresh=True))
        await asyncio.sleep(0)
        slow.hold.set()
        await reading
        assert slow.asked == ["/metrics"]


@pytest.mark.matrix
@requires_server(">=3.5.8")
async def test_a_port_that_speaks_grpc_only_says_where_http_may_be(
    etcd_server: ServerFactory, scrapers: list[Scraper]
) -> None:
    port = free_ports(1)[0]
    server = await etcd_server(flags=[f"--listen-client-http-urls=http://127.0.0.1:{port}"])
    scraper = Scraper(ClientOptions(server.endpoints))
    scrapers.append(scraper)
    await scraper.refresh([Target(0, server.endpoint)])
    assert "only gRPC is served here" in scraper.of(server.endpoint).why
    listed = Scraper(ClientOptions(server.endpoints), urls=[f"http://127.0.0.1:{port}/metrics"])
    scrapers.append(listed)
    scrape = await listed._read(f"http://127.0.0.1:{port}/metrics")
    assert scrape.member_id


async def test_http_uses_the_tls_of_the_profile(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server(client_auth=True))

    def trust(**changes: str | bool | Path) -> TlsOptions:
        ours = TlsOptions(cert_file=tls.client.cert, key_file=tls.client.key)
        return replace(ours, **changes)  # type: ignore[arg-type]  # its own fields

    async def version(options: TlsOptions) -> int:
        side = HttpSide(ClientOptions((server.endpoint,), tls=options))
        try:
            return (await side.get(server.endpoint, "/version", timeout=5)).status
        finally:
            await side.aclose()

    assert await version(trust(ca_file=tls.ca)) == 200
    assert await version(trust(ca_file=tls.ca, server_name="localhost")) == 200
    assert await version(trust(insecure_skip_verify=True)) == 200
    with pytest.raises(TlsError, match="client certificate"):
        await version(TlsOptions(ca_file=tls.ca))
    with pytest.raises(TlsError, match="not trusted"):
        await version(trust(ca_file=tls.wrong_ca))
    with pytest.raises(TlsError, match="not valid for the name"):
        await version(trust(ca_file=tls.ca, server_name="elsewhere.example"))


async def test_certificates_tell_when_they_end(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server())
    own = TlsOptions(ca_file=tls.ca, cert_file=tls.client.cert, key_file=tls.client.key)
    side = HttpSide(ClientOptions((server.endpoint,), tls=own))
    theirs = await side.certificate(server.endpoint, timeout=5)
    ours = side.own_certificate()
    assert theirs is not None and ours is not None and theirs.not_after > 0 and ours.not_after > 0
    assert await side.certificate(f"http://{server.endpoint}", timeout=5) is None
    await side.aclose()


async def test_plain_and_tls_mixed_up_and_nobody_there_are_told_apart(
    etcd: Server, etcd_server: ServerFactory, tls: TlsMaterial
) -> None:
    secure = await etcd_server(tls=tls.server())
    side = HttpSide(ClientOptions((etcd.endpoint,)))
    with pytest.raises(TlsError, match="speaks plaintext"):
        await side.get(f"https://{etcd.endpoint}", "/version", timeout=5)
    with pytest.raises(TlsError, match="speaks TLS"):
        await side.get(f"http://{secure.endpoint}", "/version", timeout=5)
    with pytest.raises(Unavailable, match="connection refused"):
        await side.get(f"127.0.0.1:{free_ports(1)[0]}", "/version", timeout=5)
    await side.aclose()


async def test_a_black_hole_ends_at_the_limit(etcd: Server) -> None:
    async with TcpProxy(etcd.endpoint) as proxy:
        proxy.black_hole()
        side = HttpSide(ClientOptions((proxy.endpoint,)))
        with pytest.raises(Unavailable, match=r"no answer over HTTP within 0\.3 s"):
            await side.get(proxy.endpoint, "/version", timeout=0.3)
        await side.aclose()
