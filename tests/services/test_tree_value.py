"""The value under the cursor, and what a filter leaves of the tree."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from etcdtui.core.listing import UNKNOWN
from etcdtui.core.search import FilterError
from etcdtui.services.tree import news
from etcdtui.services.tree.filtering import filtered, whole
from tests.conftest import ServerFactory
from tests.services.looking_support import reading
from tests.services.tree_support import Browsing, browsing, filled, limited_user, profile_of
from tests.support import Server, TcpProxy, eventually


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def shown(one: Browsing) -> str:
    decoded = one.browser.value.decoded
    return "" if decoded is None else "\n".join(decoded.views[0].lines())


async def read(one: Browsing, key: bytes) -> None:
    one.browser.value.look_at(key)
    await eventually(lambda: one.browser.value.is_read)


async def test_a_value_is_read_once_decoded_and_follows_what_others_write(etcd: Server) -> None:
    await etcd.put("/a", '{"port": 5432}')
    async with browsing(profile_of(etcd)) as one:
        root, value = await one.open(), one.browser.value
        await read(one, b"/a")
        assert "5432" in shown(one) and not value.hidden
        detail = one.browser.details.get(b"/a")
        assert detail is not None and detail.size == 14
        asked = one.session.reads.requests
        value.look_at(b"/a")
        await asyncio.sleep(0)
        assert one.session.reads.requests == asked
        one.browser.freshness.follow(root)
        await eventually(lambda: one.browser.freshness.words == "live")
        await etcd.put("/a", '{"port": 6000}')
        await eventually(lambda: "6000" in shown(one))
        assert [one_.keep for one_ in one.told if isinstance(one_, news.ValueRead)] == [False, True]
        await etcd.delete("/a")
        await eventually(lambda: value.gone)
        assert value.kv is None and not shown(one)
        value.look_at(None)
        assert value.key is None and not value.gone


async def test_masked_stays_masked_for_the_key_that_was_not_asked_for(etcd: Server) -> None:
    await filled(etcd, [b"/app/token", b"/other/token"], b"hush")
    await etcd.put("/app/conf", '{"password": "hush", "user": "me"}')
    async with browsing(profile_of(etcd)) as one:
        value = one.browser.value
        await read(one, b"/app/token")
        assert value.hidden
        value.reveal()
        await eventually(lambda: not value.hidden)
        value.look_at(b"/other/token")
        value.changed(b"/other/token")  # it is read a second time before the first answer
        await eventually(lambda: value.is_read)
        assert value.hidden and not value.revealed
        value.reveal()
        await eventually(lambda: not value.hidden)
        value.hide()
        assert value.kv is None and isinstance(one.told[-1], news.ValueRead), "it is gone at once"
        await eventually(lambda: value.hidden)
        await read(one, b"/app/conf")
        assert "hush" not in shown(one) and "me" in shown(one)
        value.reveal()
        await eventually(lambda: "hush" in shown(one))


async def test_a_value_that_takes_long_does_not_leave_the_one_before_beside_its_name(etcd: Server) -> None:
    await filled(etcd, [b"/a", b"/b"])
    async with TcpProxy(etcd.endpoint) as proxy, browsing(profile_of(etcd, endpoints=(proxy.endpoint,))) as one:
        value = one.browser.value
        await read(one, b"/a")
        value._patience = 0.01
        proxy.black_hole()
        value.look_at(b"/b")
        assert value.kv is not None and value.kv.key == b"/a", "what is there is still the value of the other key"
        await eventually(lambda: value.waiting and value.kv is None)
        await proxy.heal()
        await eventually(lambda: value.is_read and not value.waiting)


async def test_a_read_that_fails_is_told_and_read_again_when_the_cluster_answers(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    await server.put("/a", "1")
    async with browsing(profile_of(server, command_timeout=0.5, dial_timeout=0.5)) as one:
        one.session.reads.deadline = 0.5
        await server.members[0].kill()
        one.browser.value.look_at(b"/a")
        await eventually(lambda: one.browser.value.error is not None)
        await server.members[0].restart()
        await server.members[0].wait_healthy()

        async def healed() -> bool:
            one.browser.heal()
            return one.browser.value.is_read

        await eventually(healed, 20)
        assert one.browser.value.error is None


async def test_the_lease_of_a_key_is_told_with_what_is_left(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        lease = await reads.client.lease.grant(300)
        await reads.client.kv.put(b"/leased", b"x", lease=lease.id)
    async with browsing(profile_of(etcd)) as one:
        await read(one, b"/leased")
        await eventually(lambda: one.browser.value.ttl is not None)
        ttl = one.browser.value.ttl
        assert ttl is not None and ttl.granted_ttl == 300 and 0 < ttl.ttl <= 300
        assert any(isinstance(one_, news.LeaseRead) for one_ in one.told)


async def test_a_value_too_large_to_be_parsed_unasked_is_parsed_when_it_is_forced(etcd: Server) -> None:
    await etcd.put("/yaml", "---\n" + "".join(f"key_{n}: {n}\n" for n in range(22_000)))
    async with browsing(profile_of(etcd)) as one:
        value = one.browser.value
        await read(one, b"/yaml")
        assert value.decoded is not None and value.decoded.unparsed
        assert value.force()
        await eventually(lambda: value.decoded is not None and value.decoded.kind == "YAML", 20)
        assert not value.force()


async def test_a_filter_says_what_is_not_loaded_and_what_it_could_not_look_into(etcd: Server) -> None:
    await filled(etcd, [b"/deep/a/needle", b"/deep/b/other", b"needle-on-top", b"zzz"])
    async with browsing(profile_of(etcd)) as one:
        await one.open()
        tree, details = one.browser.tree, one.browser.details
        found = await filtered(tree, details, "needle")
        assert [row.path for row in found.rows] == [b"needle-on-top"] and found.incomplete
        assert found.words == "needle   1 of 3 loaded; 2 keys not loaded: enter asks the server"
        found = await filtered(tree, details, "size:<2")
        assert found.words == "size:<2   0 of 3 loaded; 2 keys not loaded; 2 not looked into yet: enter asks the server"
        await details.read([b"needle-on-top", b"zzz"])
        found = await filtered(tree, details, "size:<2")
        assert [row.path for row in found.rows] == [b"needle-on-top", b"zzz"] and found.unread == 0
        await one.open(b"/deep/", b"/deep/a/", b"/deep/b/")
        found = await filtered(tree, details, "needle")
        assert [row.path for row in found.rows] == [b"/deep/a/needle", b"needle-on-top"] and not found.incomplete
        with pytest.raises(FilterError):
            await filtered(tree, details, "size:wrong")


async def test_a_limited_user_searches_the_start_place_that_is_looked_at(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    profile, credentials = await limited_user(server)
    async with browsing(profile, credentials) as one:
        await one.start()
        tree = one.browser.tree
        assert whole(tree, None) == (b"/app", (b"/app", b"/apq"))
        row = next(row for row in map(tree.row, range(tree.size)) if row.name == b"/odd/b")
        assert whole(tree, row) == (b"/odd/", (b"/odd/b", b"/odd/m"))
        assert (await filtered(tree, one.browser.details, "a")).missing == UNKNOWN
