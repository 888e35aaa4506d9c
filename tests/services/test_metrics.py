"""What ``/metrics`` say, as numbers: quantiles and rates between two scrapes, nothing claimed from one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.services.cluster.metrics import (
    FAILED,
    FSYNC,
    PEER_RTT,
    QUOTA,
    Histogram,
    MemberMetrics,
    read_scrape,
    wanted_lines,
)
from tests.support import Server
from tests.support.metrics import MetricsText


def _two(text: MetricsText, change: object, *, apart: float = 15.0) -> MemberMetrics:
    metrics = MemberMetrics().with_scrape(read_scrape(text.text(), 100.0))
    assert callable(change)
    change()
    return metrics.with_scrape(read_scrape(text.text(), 100.0 + apart))


def test_p99_is_of_the_time_between_two_scrapes_and_of_since_start_with_one() -> None:
    text = MetricsText(7)
    text.observe(FSYNC, 0.5, 10_000)
    alone = MemberMetrics().with_scrape(read_scrape(text.text(), 100.0)).p99(FSYNC)
    assert alone is not None and alone.since_start and alone.value is not None and alone.value > 0.4
    now = _two(text, lambda: text.observe(FSYNC, 0.003, 200)).p99(FSYNC)
    assert now is not None and not now.since_start and now.count == 200 and now.seconds == 15
    assert now.value is not None and 0.002 < now.value <= 0.004


def test_nothing_between_two_scrapes_is_no_figure() -> None:
    text = MetricsText(7)
    text.observe(FSYNC, 0.5)
    still = _two(text, lambda: None).p99(FSYNC)
    assert still is not None and still.value is None and not still.since_start
    assert MemberMetrics().p99(FSYNC) is None and _two(text, lambda: None).p99("never_told") is None


def test_a_restart_begins_anew() -> None:
    text = MetricsText(7)
    text.observe(FSYNC, 0.5)
    text.values[FAILED] = 50

    def restart() -> None:
        text.values.update({"process_start_time_seconds": 2000.0, FAILED: 3.0})

    metrics = _two(text, restart)
    told = metrics.p99(FSYNC)
    assert told is not None and told.since_start and metrics.rate(FAILED) is None
    assert len(metrics.scrapes) == 1


def test_rates_and_peers() -> None:
    text = MetricsText(7)
    text.values[FAILED] = 10
    text.observe(PEER_RTT, 0.001, peer="a1")

    def grow() -> None:
        text.values[FAILED] = 40
        text.observe(PEER_RTT, 0.2, peer="a1")

    metrics = _two(text, grow)
    assert metrics.rate(FAILED) == 2.0 and metrics.peers() == ("a1",)
    told = metrics.p99(PEER_RTT, "a1")
    assert told is not None and told.value is not None and told.value > 0.128


def test_the_window_forgets_what_is_long_past() -> None:
    text = MetricsText(7)
    text.observe(FSYNC, 0.001)
    metrics = MemberMetrics().with_scrape(read_scrape(text.text(), 0.0))
    text.observe(FSYNC, 0.9, 1000)
    metrics = metrics.with_scrape(read_scrape(text.text(), 15.0))
    for at in (90.0, 105.0):
        text.observe(FSYNC, 0.001)
        metrics = metrics.with_scrape(read_scrape(text.text(), at))
    told = metrics.p99(FSYNC)
    assert told is not None and told.value is not None and told.value < 0.01 and told.seconds == 15


def test_a_failed_attempt_keeps_the_past_and_tells_why() -> None:
    metrics = _two(MetricsText(7), lambda: None).without("refused")
    assert metrics.latest is None and metrics.why == "refused" and len(metrics.scrapes) == 2
    assert metrics.value(QUOTA) is None


@given(st.lists(st.floats(0.0001, 2.0), min_size=1, max_size=200), st.floats(0.5, 0.999))
def test_the_quantile_lies_in_the_bucket_of_the_true_one(seen: list[float], share: float) -> None:
    bounds = [0.001, 0.01, 0.1, 1.0, math.inf]
    histogram = Histogram(tuple((b, float(sum(s <= b for s in seen))) for b in bounds))
    true = sorted(seen)[max(0, math.ceil(share * len(seen)) - 1)]
    found = histogram.quantile(share)
    assert found is not None
    upper = next(b for b in bounds if true <= b)
    lower = max([0.0, *(b for b in bounds if b < true)])
    assert lower - 1e-9 <= found <= (1.0 if math.isinf(upper) else upper) + 1e-9


@pytest.mark.matrix
async def test_the_real_text_has_what_is_used(etcd: Server) -> None:
    text = await etcd.members[0].metrics()
    scrape = read_scrape(text, 1.0)
    status = await etcd.call("maintenance/status")
    assert scrape.member_id == int(status["header"]["member_id"])
    major, minor, _ = etcd.version
    assert scrape.cluster_version.startswith(f"{major}.{minor}")
    assert scrape.values[QUOTA] == 2 * 1024**3 and scrape.started > 0
    assert scrape.histograms[FSYNC, ""].count > 0
    assert len(wanted_lines(text)) < len(text) / 4
