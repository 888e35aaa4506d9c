"""The database file of a real etcd, read page by page; and files that no database wrote."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from etcdtui.core.bbolt import BRANCH, HEADER, Bolt, Damaged, leaf_items, meta_of, page_at
from tests.support.server import Server

TRAILER = 32


@pytest.fixture(scope="module")
def saved(shared_etcd: Server, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What etcdctl saved: enough keys for branches in the tree, and a value of several pages."""
    shared_etcd.clear()
    for index in range(150):
        shared_etcd.call_sync("kv/put", key=b"/tree/%04d" % index, value=b"v" * 200)
    shared_etcd.call_sync("kv/put", key=b"/huge", value=b"h" * 50_000)
    path: Path = tmp_path_factory.mktemp("bolt") / "saved.db"
    shared_etcd.etcdctl("snapshot", "save", str(path))
    return path.read_bytes()[:-TRAILER]


def test_every_bucket_and_record_of_an_etcd_is_found_in_order(saved: bytes, shared_etcd: Server) -> None:
    bolt = Bolt(saved, len(saved))
    assert {b"key", b"meta", b"lease", b"members", b"cluster", b"alarm", b"auth"} <= bolt.buckets.keys()
    records = list(bolt.items(bolt.buckets[b"key"]))
    assert [key for key, _ in records] == sorted(key for key, _ in records)
    assert {len(key) for key, _ in records} <= {17, 18}
    now = int(shared_etcd.call_sync("maintenance/status")["header"]["revision"])
    assert int.from_bytes(records[-1][0][:8], "big") == now
    assert b"h" * 50_000 in records[-1][1], "the value over several pages is whole"
    assert sum(b"/tree/" in value for _, value in records) >= 150
    assert 2 < bolt.reached <= bolt.meta.pages


def test_an_inline_bucket_is_read_from_its_parent(saved: bytes) -> None:
    bolt = Bolt(saved, len(saved))
    small = bolt.buckets[b"cluster"]
    assert small.root == 0
    assert next(key for key, _ in bolt.items(small)).startswith(b"clusterVersion")


def test_a_file_that_was_cut_anywhere_is_refused(saved: bytes) -> None:
    meta = meta_of(saved)
    assert meta is not None
    for cut in random.Random(1).sample(range(meta.pages * meta.page_size), 50):
        with pytest.raises(Damaged):
            Bolt(saved[:cut], cut)


def test_a_page_below_itself_is_no_endless_walk(saved: bytes) -> None:
    torn = bytearray(saved)
    bolt = Bolt(saved, len(saved))
    size = bolt.meta.page_size
    branch = bolt.buckets[b"key"].root
    page = page_at(saved, branch * size)
    assert page is not None
    assert page.flags == BRANCH, "the test has too few keys"
    torn[branch * size + HEADER + 8 : branch * size + HEADER + 16] = branch.to_bytes(8, "little")
    again = Bolt(bytes(torn), len(torn))
    with pytest.raises(Damaged, match="is used twice"):
        for bucket in again.buckets.values():
            list(again.items(bucket))


def in_use(saved: bytes) -> list[int]:
    """The pages that the tree reaches; others may look alike and are free."""
    bolt = Bolt(saved, len(saved))
    size, found = bolt.meta.page_size, []
    todo = [bolt.meta.root, *(bucket.root for bucket in bolt.buckets.values() if bucket.root)]
    while todo:
        found.append(number := todo.pop())
        page = page_at(saved, number * size)
        assert page is not None
        for index in range(page.count if page.flags == BRANCH else 0):
            at = number * size + HEADER + index * 16 + 8
            todo.append(int.from_bytes(saved[at : at + 8], "little"))
    return found


def test_bytes_turned_in_headers_and_elements_are_told_or_harmless(saved: bytes) -> None:
    """Whatever stands in a page: a clause about it or bytes of this file, never another error and never a long walk."""
    size = Bolt(saved, len(saved)).meta.page_size
    pages = in_use(saved)
    dice = random.Random(2)
    told = 0
    for _ in range(200):
        torn = bytearray(saved)
        at = dice.choice(pages) * size + dice.randrange(HEADER + 64)
        torn[at] ^= 1 << dice.randrange(8)
        try:
            bolt = Bolt(bytes(torn), len(torn))
            for bucket in bolt.buckets.values():
                for key, value in bolt.items(bucket):
                    assert len(key) + len(value) <= len(saved)
        except Damaged as problem:
            told += 1
            assert str(problem)
    assert told > 50


def test_what_is_no_database_is_refused_in_words() -> None:
    for foreign in (b"", b"SQLite format 3\0" + bytes(9000), bytes(70_000), random.Random(3).randbytes(70_000)):
        with pytest.raises(Damaged, match="no valid meta page"):
            Bolt(foreign, len(foreign))


def test_the_second_meta_page_counts_where_the_first_is_broken(saved: bytes) -> None:
    torn = bytearray(saved)
    torn[HEADER + 20] ^= 0xFF
    whole, half = meta_of(saved), meta_of(bytes(torn))
    assert whole is not None
    assert half is not None
    assert half.transaction == whole.transaction - 1
    assert half.root == whole.root, "a snapshot's second meta page names the same root"


def test_elements_end_where_a_page_was_cut(saved: bytes) -> None:
    bolt = Bolt(saved, len(saved))
    leaf = next(bolt.leaves(bolt.buckets[b"key"]))
    whole = list(leaf_items(saved, leaf.at, leaf.page, leaf.end))
    assert len(whole) == leaf.page.count
    assert list(leaf_items(saved, leaf.at, leaf.page, whole[2][2] - 1)) == whole[:2]
