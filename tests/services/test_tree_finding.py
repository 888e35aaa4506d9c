"""Finding a name by any part of it, and what the server says of what is only remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.services.tree.finding import Finding
from etcdtui.services.tree.navigation import Suggestion
from tests.conftest import ServerFactory
from tests.services.tree_support import Browsing, browsing, filled, limited_user, profile_of
from tests.support import Server

KEYS = [b"/config/app/db.json", b"/config/app/limits", b"/other/x"]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def finding(one: Browsing) -> Finding:
    return Finding(one.browser.tree, one.session.reads, one.browser.navigation)


async def test_loaded_and_remembered_names_are_found_by_any_part_and_the_server_says_which_are_there(
    etcd: Server,
) -> None:
    await filled(etcd, KEYS)
    async with browsing(profile_of(etcd, bookmarks={"the limits": "/config/app/limits"})) as one:
        await one.open(b"/config/", b"/config/app/")
        for place in (b"/gone/db.json", b"/other/x"):
            await one.browser.navigation.visited(place)
        asked = finding(one)
        found = await asked.matching(b"db")
        assert [(row.path, row.note, row.there) for row in found] == [
            (b"/gone/db.json", "recent", None),
            (b"/config/app/db.json", "", None),
        ]
        await asked.confirm([row.path for row in found])
        assert [asked.told(row).there for row in found] == [False, True]
        assert [row.path for row in await asked.matching(b"the lim")] == [b"/config/app/limits"], "by its bookmark"
        assert (await asked.matching(b"conf"))[0] == Suggestion(b"/config/", 2)
        await asked.confirm([b"/config/app/", b"/config/ap", b"/config/app", b"/nothing/"])
        told = [asked.there[path] for path in (b"/config/app/", b"/config/ap", b"/config/app", b"/nothing/")]
        assert told == [True, False, False, False]


async def test_of_what_may_not_be_read_nothing_is_asked(etcd_server: ServerFactory) -> None:
    profile, credentials = await limited_user(await etcd_server())
    async with browsing(profile, credentials) as one:
        await one.start()
        asked = finding(one)
        await asked.confirm([b"/x", b"/one", b"/app/a/1", b"/app/none"])
        assert asked.there == {b"/one": True, b"/app/a/1": True, b"/app/none": False}
