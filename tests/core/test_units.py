"""Numbers as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core import units


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (312, "312 B"), (1023, "1023 B"), (1229, "1.2 KB"), (1_048_575, "1.0 MB"), (1_572_864, "1.5 MB"),
     (2 * 1024**3, "2.0 GB"), (300 * 1024, "300 KB")],
)  # fmt: skip
def test_sizes(size: int, text: str) -> None:
    assert units.format_size(size) == text


@pytest.mark.parametrize(
    ("text", "size"), [("10k", 10240), ("512KiB", 524288), ("1.5 MB", 1572864), ("64", 64), ("2g", 2 << 30), ("7B", 7)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1 2"])
def test_bad_sizes_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "gone"), (0, "0s"), (42, "42s"), (310, "5m10s"), (7200, "2h"), (273600, "3d4h"), (86401, "1d")],
)
def test_ttls(seconds: int, text: str) -> None:
    assert units.format_ttl(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("1m30s", 90), ("100ms", 0.1), ("1.5h", 5400), ("0", 0), ("1h0m5s", 3605), ("5us", 5e-6)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-2s", "1m 30s", "2 s", "1d"])
def test_bad_durations_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        units.parse_duration(text)


@given(st.integers(0, 10**13))
def test_a_written_duration_reads_back(micros: int) -> None:
    assert round(units.parse_duration(units.format_duration(micros / 1e6)) * 1e6) == micros


def test_rates_counts_ages_and_latencies() -> None:
    assert units.format_rate(0.31) == "0.3/s"
    assert units.format_rate(1200) == "1,200/s"
    assert units.format_rate(1300, "B") == "1.3 KB/s"
    assert units.format_count(300000) == "300,000"
    assert [units.format_latency(s) for s in (0.0003, 0.012, 1.44)] == ["0.3 ms", "12 ms", "1.4 s"]
