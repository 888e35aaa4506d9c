"""Stores too large to be walked at once: what is known beforehand may be wrong, nothing is called complete too early,
and nothing is walked blindly."""

from __future__ import annotations

import asyncio
import json
import random
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from etcdtui.config.schema import Mask
from etcdtui.core.chart import Chart
from etcdtui.core.keytree import Level, State
from etcdtui.core.listing import UNKNOWN, WALK
from etcdtui.core.ranges import prefix_range
from etcdtui.core.types import Permission, PermissionType
from etcdtui.services.reads import kept
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.search import Query, search
from etcdtui.services.tree import news
from tests.conftest import ServerFactory
from tests.services.looking_support import Large, expected, fill, odd_keys, reading
from tests.services.test_browse_property import listed
from tests.services.tree_support import Browsing, browsing, filled, profile_of
from tests.support import Server

SEPARATORS = (b"/", b":")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


class Misled(Large):
    """Believes what it was told of where keys lie."""

    told: Chart

    async def chart(self, *, first: bool = False) -> Chart:
        return self.told


def misleading(keys: list[bytes], rng: random.Random) -> Chart:
    """Names of which most are not there, in places where nothing is, that promise far too few or too many keys."""
    names = [*rng.sample(keys, 5), *(key + b"!" for key in rng.sample(keys, 9)), *odd_keys(rng.randrange(99), 30)]
    chart = Chart()
    if rng.random() < 0.5:
        chart.draw({name: rng.randrange(999) for name in names}, rng.choice((1, 900, 5_000_000)))
    else:
        chart.refine(b"\0", b"\0", [(name, rng.choice((0.0, 1.0, 70_000.0))) for name in sorted(set(names))])
    return chart


@pytest.mark.matrix
@pytest.mark.parametrize("attempt", range(3))
async def test_a_misleading_sample_loses_doubles_and_finishes_nothing_while_others_write(
    etcd: Server, attempt: int
) -> None:
    seed = random.randrange(1_000_000)
    rng = random.Random(seed)
    async with reading(etcd.endpoint) as plain:
        keys = odd_keys(seed, 300) + [b"/flat/%04d" % n for n in range(3_000)]
        await fill(plain.client, keys)
        stop = asyncio.Event()

        async def write() -> None:
            others = odd_keys(seed + 1, 300)
            while not stop.is_set():
                key = rng.choice(others if rng.random() < 0.7 else keys)
                await (plain.client.kv.put(key, b"") if rng.random() < 0.5 else plain.client.kv.delete(key))

        writers = [asyncio.create_task(write()) for _ in range(2)]
        try:
            for prefix in (b"", b"/", b"/flat/"):
                reads = Misled(plain.client)
                reads.told = misleading(keys, rng)
                listing = Listing(reads, prefix, SEPARATORS, page_keys=500)
                listing.from_end = rng.random() < 0.3
                found: dict[bytes, int] = {}
                then: dict[bytes, int] = {}
                async for page in listing.pages():
                    if not then and page.revision:
                        then = expected(await asyncio.to_thread(listed, etcd, b"", page.revision), prefix, SEPARATORS)
                    rows = [row for part in page.rows for row in part]
                    assert not found.keys() & {row.name for row in rows}, f"doubled; seed {seed}"
                    found.update((row.name, row.count) for row in rows)
                    found.update(page.counts)
                    assert not found.keys() & set(page.gone), f"seed {seed}"
                    assert not page.done or found == then, f"complete too early; seed {seed} prefix {prefix!r}"
                assert found == then and page.done and page.share == 1, f"seed {seed} prefix {prefix!r}"
        finally:
            stop.set()
            await asyncio.gather(*writers)


async def test_what_was_counted_once_is_known_the_next_time(etcd_server: ServerFactory) -> None:
    async with reading((await etcd_server()).endpoint, large=True) as reads:
        await fill(reads.client, [b"/a/%05d" % n for n in range(9_000)])
        await fill(reads.client, [b"/b/%d/%04d" % (n % 7, n) for n in range(9_000)])
        for prefix in (b"/", b"/b/"):
            async for _ in Listing(reads, prefix, SEPARATORS).pages():
                pass
        chart = reads.client.posts.chart
        assert chart.counted and sum(weight for _, weight in chart.parts(99)) == pytest.approx(18_000)
        assert isinstance(reads, Large)
        reads.walked = reads.worst = 0
        named: dict[bytes, int] = {}
        async for page in Listing(reads, b"/b/", SEPARATORS).pages():
            named.update(page.guesses if not named else ())
        assert named.keys() == {b"%d/" % n for n in range(7)}
        assert sum(named.values()) == pytest.approx(9_000, rel=0.5)
        assert (reads.walked, reads.worst <= WALK) == (9_000, True)


@asynccontextmanager
async def large_session(etcd: Server, monkeypatch: pytest.MonkeyPatch, **changes: object) -> AsyncIterator[Browsing]:
    monkeypatch.setattr(Reads, "small_store", False)
    monkeypatch.setattr(kept, "LEAST_KEYS", 1_000)
    async with browsing(profile_of(etcd, **changes)) as one:
        yield one


async def test_folders_show_with_a_guess_while_they_are_checked(
    etcd_server: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    etcd = await etcd_server()
    await filled(etcd, [b"%d/%04d" % (n % 5, n) for n in range(4_000)])
    async with large_session(etcd, monkeypatch) as one:
        posts = one.session.client.posts
        await posts.all()
        posts.refine(b"\0", b"\0", [(b"%d/0" % n, 700.0) for n in range(5)])
        level = one.browser.tree.root
        seen: list[tuple[str, dict[bytes, int], State]] = []
        tell = one.browser.loader._tell

        def told(what: news.News) -> None:
            if isinstance(what, news.Rows) and what.level is not None and what.level is level:
                seen.append((what.level.note, dict(what.level.guesses), what.level.state))
            tell(what)

        one.browser.loader._tell = told
        await one.open()
        notes, guesses, states = zip(*seen, strict=True)
        assert any(note.startswith("checking ") and note.endswith(" %  esc stops") for note in notes)
        assert any(found.keys() == {b"%d/" % n for n in range(5)} for found in guesses)
        assert [*states].count(State.READY) == 1
        assert level.names == [b"%d/" % n for n in range(5)] and not level.guesses and not level.note
        assert [*level.counts] == [800] * 5


async def test_names_of_a_large_store_are_kept_for_the_next_start_but_no_masked_ones(
    etcd_server: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etcd = await etcd_server()
    names = tmp_path / "etcdtui" / "names"
    await filled(etcd, [b"%d/%04d" % (n % 5, n) for n in range(4_000)], value=b"a value")
    async with large_session(etcd, monkeypatch, remember_names=False) as one:
        await one.open()
    assert not names.exists()
    async with large_session(etcd, monkeypatch, mask=Mask(keys=("3/**",))) as one:
        await one.open()
    [file] = names.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = {bytes.fromhex(name)[:2] for name, _ in json.loads(file.read_text())["names"]}
    assert found == {b"0/", b"1/", b"2/", b"4/"}
    assert b"a value".hex() not in file.read_text()
    async with large_session(etcd, monkeypatch) as one:
        assert one.session.client.posts.chart.counted, "known before anything is asked"
        pages = Listing(one.session.reads, b"", (b"/",)).pages()
        first = await anext(pages)
        assert {row.name for row in first.named} == found and not first.revision
        await pages.aclose()
    assert kept.load(file, 4711) == [], "of another cluster"
    file.write_text('{"cluster": 1, "names": [')
    assert kept.load(file, 1) == []


async def test_without_the_right_to_snapshots_millions_are_read_only_after_the_price_was_told(
    etcd_server: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await etcd_server()
    keys = [b"/app/%d/%04d" % (n % 3, n) for n in range(900)]
    async with reading(server.endpoint) as plain:
        await fill(plain.client, keys)
        auth = plain.client.auth
        await auth.user_add("root", "rpw")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.role_add("app")
        await auth.role_grant_permission("app", Permission(PermissionType.READ, *prefix_range(b"/app/")))
        await auth.user_add("ann", "apw")
        await auth.user_grant_role("ann", "app")
        await auth.enable()
    async with reading(server.endpoint, user="ann", password="apw") as few:
        reads = Reads(few.client, most_keys=lambda: 3_000_000)
        [page] = [page async for page in Listing(reads, b"/app/", SEPARATORS).pages()]
        assert not page.done and not page.rows
        assert "3,000,000 keys" in page.price and "hold up all writes for 1 s" in page.price
        assert reads.requests == 1, "which told the revision"
        found: dict[bytes, int] = {}
        async for page in Listing(reads, b"/app/", SEPARATORS, allowed=True).pages():
            found.update((row.name, row.count) for rows in page.rows for row in rows)
            found.update(page.counts)
        assert found == expected(keys, b"/app/", SEPARATORS) and page.done
        level = Level(b"/app/", (b"/",))
        assert level.total == UNKNOWN
        hits = [hit async for progress in search(reads, Query("0899", prefix=b"/app/")) for hit in progress.hits]
        assert hits
