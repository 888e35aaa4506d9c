"""A folder move that a crash cut half-way is found when the program starts: resumed or rolled back, never forgotten."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from etcdtui.services.writing import deleting, moving
from etcdtui.services.writing.journal import unfinished
from etcdtui.services.writing.run import StepsWrite
from tests.services.writing_support import carry_out, everything, writes_on
from tests.support import PtyApp, Server, eventually
from tests.ui.test_keys_stories import SIZES, TRIES, start

KEYS = {b"k%03d" % number: b"value %d" % number for number in range(200)}
SOURCE, TARGET = b"/src/", b"/dst/"


async def cut(etcd: Server, home: Path) -> Path:
    """The state folder after a crash in the middle: one transaction of the move was written, the journal is there."""
    state = home / "state" / "etcdtui"
    for name, value in KEYS.items():
        await etcd.put(SOURCE + name, value)
    async with writes_on(etcd.endpoint, state) as writes:
        found = await deleting.preview_prefix(writes, SOURCE)
        move = moving.plan_move(writes.guard, found, SOURCE, TARGET)
        moving.journal_of(writes, move, state / "journal").write()
        assert (await carry_out(writes, StepsWrite(move.plan, move.groups[:64]))).complete
    return state


async def keys_at(etcd: Server, folder: Path) -> set[bytes]:
    async with writes_on(etcd.endpoint, folder) as writes:
        now = await everything(writes)
        assert sorted(value for value, _ in now.values()) == sorted(KEYS.values()), "every key once"
        return {name[: len(SOURCE)] for name in now}


def agree(app: PtyApp, words: str) -> None:
    """Agree to the review that has these words; in its first moment it takes no key."""
    for _ in range(TRIES):
        app.keys("ctrl+s")
        with contextlib.suppress(AssertionError):
            app.wait_for(gone=[words], timeout=2)
            return
    raise AssertionError(f"the review stayed:\n{app.text()}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("answer", "all_at"), [("r", TARGET), ("b", SOURCE)])
async def test_a_cut_move_is_offered_at_the_start_and_finished_or_rolled_back(
    etcd: Server, tmp_path: Path, answer: str, all_at: bytes, size: tuple[int, int]
) -> None:
    state = await cut(etcd, tmp_path)
    assert await keys_at(etcd, tmp_path) == {SOURCE, TARGET}
    with start(etcd, tmp_path, size) as app:
        app.wait_for("unfinished move", "64 keys have moved, 136 have not", "resume", "roll back", timeout=20)
        app.keys(answer)
        app.wait_for("resume move" if answer == "r" else "roll back move", "136" if answer == "r" else "64", timeout=20)
        assert await keys_at(etcd, tmp_path) == {SOURCE, TARGET}, "nothing before the review is agreed to"

        agree(app, "guarded: sources still as seen")
        app.wait_for("136 keys moved" if answer == "r" else "64 keys moved", timeout=20)
        assert await keys_at(etcd, tmp_path) == {all_at}
        await eventually(lambda: not list((state / "journal").glob("move-*")))


async def test_what_is_not_answered_is_offered_again_and_a_locked_profile_says_how(
    etcd: Server, tmp_path: Path
) -> None:
    state = await cut(etcd, tmp_path)
    with start(etcd, tmp_path, (80, 24)) as app:
        app.wait_for("unfinished move", timeout=20)
        app.keys("esc")
        app.wait_for("/src/", "/dst/", gone=["unfinished move"])
        app.keys("ctrl+q")
        assert app.wait(20) == 0
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        assert len(unfinished(state / "journal", writes.guard.cluster_id)) == 1
    with start(etcd, tmp_path, (120, 40), production=True) as app:
        app.wait_for("a move was cut half-way: unlock with !, then :recover", timeout=20)
        app.keys("!")
        app.wait_for("Unlock writes")
        app.type("prod-eu")
        app.keys("enter")
        app.wait_for("WRITES ON")
        app.keys(":")
        app.wait_for("or an etcdctl line")
        app.type("recover")
        app.keys("enter")
        app.wait_for("unfinished move", "64 keys have moved", timeout=20)
        app.keys("f")
        app.wait_for("/src/", gone=["unfinished move"])
        await eventually(lambda: not list((state / "journal").glob("move-*")))
    assert await keys_at(etcd, tmp_path) == {SOURCE, TARGET}, "forgetting changes no key"
