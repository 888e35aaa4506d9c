"""Whoever observes is told of every request that was sent, and can do no harm."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from etcdtui.client import CallReport, ClientOptions, connect, errors
from tests.conformance.support import rev
from tests.support.poll import eventually
from tests.support.server import Server


def of(reports: list[CallReport], method: str) -> list[CallReport]:
    return [report for report in reports if report.method == method]


@pytest.mark.matrix
async def test_every_request_is_reported_once_with_what_came_of_it(etcd: Server) -> None:
    reports: list[CallReport] = []
    async with connect(ClientOptions(endpoints=etcd.endpoints), observer=reports.append) as client:
        written = await client.kv.put("k", "v")
        await client.kv.get("k")
        with pytest.raises(errors.FutureRevision):
            await client.kv.get("k", revision=10**9)
        chunks = [chunk async for chunk in client.maintenance.snapshot()]
        async with client.watch("k", start_revision=rev(written)) as watcher:
            await anext(watcher)
        await eventually(lambda: of(reports, "Watch/Watch"))
    counted = Counter((report.method, report.code) for report in reports)
    assert counted == {
        ("KV/Put", "OK"): 1,
        ("KV/Range", "OK"): 1,
        ("KV/Range", "OUT_OF_RANGE"): 1,
        ("Maintenance/Snapshot", "OK"): 1,
        ("Watch/Watch", "CANCELLED"): 1,
    }
    assert all(report.endpoint == etcd.endpoint and 0 < report.seconds < 30 for report in reports)
    failed = next(report for report in reports if report.code == "OUT_OF_RANGE")
    assert isinstance(failed.error, errors.FutureRevision) and failed.received == 0
    snapshot, watch = of(reports, "Maintenance/Snapshot")[0], of(reports, "Watch/Watch")[0]
    assert (snapshot.stream, snapshot.sent, snapshot.received) == (True, 1, len(chunks))
    assert watch.stream and watch.sent >= 1 and watch.received >= 2


async def test_a_call_that_is_repeated_is_reported_for_each_member(cluster3: Server) -> None:
    reports: list[CallReport] = []
    options = ClientOptions(endpoints=cluster3.endpoints, command_timeout=10)
    async with connect(options, observer=reports.append) as client:
        for _ in cluster3.members:
            await client.kv.get("k")
        await cluster3.members[0].kill()
        for _ in range(6):
            await client.kv.get("k", serializable=True)
    done = [report for report in reports if report.code == "OK"]
    assert len(done) == 9
    assert {report.endpoint for report in reports if report.code != "OK"} <= {cluster3.endpoints[0]}


async def test_a_fault_of_the_observer_harms_no_call(etcd: Server) -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def broken(report: CallReport) -> None:
        raise ZeroDivisionError(report.method)

    async with connect(ClientOptions(endpoints=etcd.endpoints), observer=broken) as client:
        await client.kv.put("k", "v")
        assert (await client.kv.get("k")).count == 1
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError, ZeroDivisionError]
