"""Every level of a random key space shows exactly what ``etcdctl get --prefix --keys-only`` lists, whoever writes."""

from __future__ import annotations

import asyncio
import base64
import json
import random

import pytest

from etcdtui.core.listing import LEAF, UNKNOWN
from etcdtui.services.reads import browse
from etcdtui.services.reads.browse import Listing
from tests.services.looking_support import as_counts, expected, fill, odd_keys, reading
from tests.services.test_browse import folders
from tests.support import Server

SEPARATORS = [(b"/",), (b"/", b":"), (b"ab", b"/"), ()]
LEVELS = 12
"""Levels compared with etcdctl one by one while others write."""


def listed(etcd: Server, prefix: bytes = b"", revision: int = 0) -> list[bytes]:
    """The keys etcdctl lists below a prefix; JSON, because it prints names that are no text as they are."""
    at = [f"--rev={revision}"] if revision else []
    printed = etcd.etcdctl("get", "--prefix", "--keys-only", "-w", "json", *at, "--", prefix)
    return [base64.b64decode(kv["key"]) for kv in json.loads(printed).get("kvs", ())]


@pytest.mark.matrix
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("separators", SEPARATORS)
async def test_every_level_of_a_random_key_space_is_what_etcdctl_lists(
    etcd: Server, separators: tuple[bytes, ...], large: bool
) -> None:
    seed = random.randrange(1_000_000)
    async with reading(etcd.endpoint, large=large) as reads:
        keys = odd_keys(seed, 300)
        await fill(reads.client, keys)
        every = listed(etcd)
        assert every == keys, f"seed {seed}"
        for prefix in folders(keys, separators):
            inside = listed(etcd, prefix) if b"\0" not in prefix and len(prefix) < 3 else every
            for known in (UNKNOWN, 10):
                found = await browse.children(reads, prefix, separators, known_count=known)
                assert as_counts(found) == expected(inside, prefix, separators), f"seed {seed} prefix {prefix!r}"


@pytest.mark.matrix
@pytest.mark.parametrize("large", [False, True])
async def test_every_level_is_what_etcdctl_lists_at_its_revision_while_others_write(etcd: Server, large: bool) -> None:
    seed = random.randrange(1_000_000)
    rng = random.Random(seed)
    separators = (b"/", b":")
    async with reading(etcd.endpoint, large=large) as reads:
        client = reads.client
        keys = odd_keys(seed, 300) + [b"/flat/%04d" % n for n in range(3_000)]
        await fill(client, keys)
        stop = asyncio.Event()

        async def write() -> None:
            others = odd_keys(seed + 1, 300)
            while not stop.is_set():
                key = rng.choice(others if rng.random() < 0.7 else keys)
                await (client.kv.put(key, b"") if rng.random() < 0.5 else client.kv.delete(key))

        writers = [asyncio.create_task(write()) for _ in range(3)]
        try:
            for prefix in [b"", b"/", b"/flat/", *rng.sample(folders(keys, separators), LEVELS)]:
                listing = Listing(reads, prefix, separators, page_keys=500)
                found: dict[bytes, int] = {}
                async for page in listing.pages():
                    found.update((row.name, row.count) for rows in page.rows for row in rows)
                    found.update(page.counts)
                then = await asyncio.to_thread(listed, etcd, b"", listing.revision)
                assert found == expected(then, prefix, separators), f"seed {seed} prefix {prefix!r}"
        finally:
            stop.set()
            await asyncio.gather(*writers)


@pytest.mark.matrix
async def test_details_show_leases_on_every_version(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        lease = await reads.client.lease.grant(120)
        await reads.client.kv.put(b"/l/with", b"abc", lease=lease.id)
        await reads.client.kv.put(b"/l/without", b"abc")
        found = {}
        async for part in browse.details(reads, [b"/l/with", b"/l/without"]):
            found.update(part)
        assert (found[b"/l/with"].lease, found[b"/l/without"].lease) == (lease.id, 0)
        assert {row.count for row in await browse.children(reads, b"/l/")} == {LEAF}
