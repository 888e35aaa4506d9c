"""Where a limited user starts, and that such a user can browse it."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.core.keytree import KeyTree
from etcdtui.core.listing import Child
from etcdtui.core.ranges import ALL, prefix_range
from etcdtui.core.types import Permission, PermissionType
from etcdtui.services.reads import browse, roots
from etcdtui.services.tree.places import Places
from tests.conftest import ServerFactory
from tests.services.looking_support import as_counts, fill, reading

READ, WRITE, BOTH = PermissionType.READ, PermissionType.WRITE, PermissionType.READWRITE


def test_grants_become_roots_with_names_people_understand() -> None:
    start = roots.start_from(
        [
            Permission(BOTH, *prefix_range(b"/app/")),
            Permission(READ, b"/app/inside"),
            Permission(READ, *prefix_range(b"/pre")),
            Permission(READ, b"/shared/a", b"/shared/m"),
            Permission(READ, b"/one"),
            Permission(WRITE, *prefix_range(b"/drop/")),
        ]
    )
    assert [(root.label, root.prefix, root.readable) for root in start.roots] == [
        ("/app/", b"/app/", True),
        ("/one", b"/one", True),
        ("/pre*", b"/pre", True),
        ("/shared/a .. /shared/m", b"/shared/", True),
        ("/drop/  you may write here but not read", b"/drop/", False),
    ]
    assert "You may read /app/, /one, /pre*" in start.words
    assert roots.start_from([Permission(READ, *ALL)]).roots == ()


@pytest.mark.matrix
async def test_a_limited_user_browses_the_granted_ranges_and_nothing_else(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with reading(server.endpoint) as reads:
        auth = reads.client.auth
        await fill(reads.client, [b"/app/a/1", b"/app/b", b"/other/x", b"/one", b"/odd/a", b"/odd/k/1", b"/odd/z"])
        await auth.user_add("root", "rpw")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.role_add("app")
        for permission in (
            Permission(BOTH, *prefix_range(b"/app/")),
            Permission(READ, b"/one"),
            Permission(READ, b"/odd/b", b"/odd/m"),
        ):
            await auth.role_grant_permission("app", permission)
        await auth.user_add("bob", "bpw")
        await auth.user_grant_role("bob", "app")
        await auth.enable()
    async with reading(server.endpoint, user="bob", password="bpw") as reads:
        start = await roots.start_of(reads.client, "bob")
        tree = KeyTree((b"/",), start.roots)
        assert [tree.row(at).name for at in range(tree.size)] == [b"/app/", b"/odd/b", b"/one"]
        found = []
        for index in range(2):
            level = tree.root.open(index)
            rows = await browse.children(reads, level.prefix, (b"/",), within=level.within)
            found.append(as_counts(rows))
        assert found == [{b"a/": 1, b"b": -1}, {b"k/": 1}]
        gone = [Child(b"c/", 1, b"/odd/c/1"), Child(b"k/", 1, b"/odd/k/0")]
        checked = await browse.refresh(reads, b"/odd/", (b"/",), gone, b"/odd/b", b"/odd/m")
        assert [row.name for region in checked.regions for row in region.rows] == [b"k/"]
        kv = await browse.value_of(reads, b"/one")
        assert kv is not None and kv.value == b"v"
    async with reading(server.endpoint, user="root", password="rpw") as reads:
        assert (await roots.start_of(reads.client, "root")).roots == ()
        await reads.client.auth.disable()


def test_back_forward_and_bookmarks() -> None:
    places = Places.from_profile("here", {"db": "/config/db", "bin": "\\xff"})
    assert places.bookmarks == {"db": b"/config/db", "bin": b"\xff"}
    for place in (b"a", b"b", b"c"):
        places.visit(place)
    assert (places.back(), places.back(), places.back()) == (b"b", b"a", None)
    assert places.forward() == b"b"
    places.visit(b"d")
    assert places.forward() is None and places.recent() == [b"d", b"b", b"a"]
    assert places.add(b"/x/y/") == "y" and places.bookmarks["y"] == b"/x/y/"
    places.drop(b"/x/y/")
    places.drop(b"/config/db")
    assert set(places.bookmarks) == {"db", "bin"}, "the profile's own bookmarks stay"


def test_places_are_there_again_in_the_next_run_of_the_same_profile(tmp_path: Path) -> None:
    first = Places("here")
    name = first.add(b"/bin/\xff\x00")
    first.keep_bookmark(tmp_path, b"/bin/\xff\x00", name)
    first.keep_visit(tmp_path, b"/old")
    first.keep_visit(tmp_path, b"/new")
    again, other = Places("here"), Places("other")
    again.load(tmp_path)
    other.load(tmp_path)
    assert again.bookmarks == {name: b"/bin/\xff\x00"} and again.recent() == [b"/new", b"/old"]
    assert not other.bookmarks and not other.recent()
    again.keep_bookmark(tmp_path, b"/bin/\xff\x00", "")
    last = Places("here")
    last.load(tmp_path)
    assert not last.bookmarks
