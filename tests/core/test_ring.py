"""The event ring stays within its bounds, counts what it dropped and numbers what it holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.ring import Ring


def test_old_events_go_and_are_counted() -> None:
    ring: Ring[bytes] = Ring(len, max_items=3, max_bytes=100)
    for i in range(5):
        assert ring.append(b"%d" % i) == i
    assert list(ring) == [b"2", b"3", b"4"]
    assert (ring.dropped, ring.first, ring.next, ring.bytes) == (2, 2, 5, 3)


def test_the_newest_stays_however_large() -> None:
    ring: Ring[bytes] = Ring(len, max_items=3, max_bytes=10)
    ring.append(b"x")
    ring.append(b"y" * 50)
    assert list(ring) == [b"y" * 50]


def test_a_reader_learns_what_it_missed() -> None:
    ring: Ring[bytes] = Ring(len, max_items=2, max_bytes=100)
    for i in range(4):
        ring.append(b"%d" % i)
    seen = ring.since(1)
    assert (seen.start, seen.items, seen.missed) == (2, (b"2", b"3"), 1)
    assert ring.since(3, limit=1).items == (b"3",)
    assert ring.get(1) is None and ring.get(3) == b"3"


def test_what_goes_is_handed_over_and_numbers_go_on() -> None:
    gone: list[bytes] = []
    ring: Ring[bytes] = Ring(len, max_items=2, max_bytes=100, let_go=gone.append)
    for i in range(3):
        ring.append(b"%d" % i)
    assert gone == [b"0"] and (ring.dropped, ring.added) == (1, 3)
    ring.clear()
    assert len(ring) == 0 and ring.next == 3 and gone == [b"0"]


@given(st.lists(st.integers(0, 30)), st.integers(1, 8), st.integers(1, 60))
def test_bounds_hold_for_any_sequence(sizes: list[int], max_items: int, max_bytes: int) -> None:
    ring: Ring[int] = Ring(lambda size: size, max_items=max_items, max_bytes=max_bytes)
    for size in sizes:
        ring.append(size)
        assert len(ring) <= max_items
        assert ring.bytes <= max_bytes or len(ring) == 1
    assert ring.dropped + len(ring) == len(sizes) == ring.next
