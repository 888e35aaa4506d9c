"""Members killed and frozen under the open program: what is shown, what still works, what is refused."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.faults.operator import NARROW, START, WIDE, agree, fill, go_to, open_editor, operate, review, status
from tests.support import Server
from tests.support.poll import wait_until


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_without_a_majority_browsing_goes_on_and_writes_are_refused_with_the_reason(
    cluster3: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    fill(cluster3)
    with operate(tmp_path, cluster3.endpoints, size=size) as app:
        app.wait_for("3/3 up", "/app/", timeout=START)
        go_to(app, "/app/k00", '"n": 0')
        for member in cluster3.members[:2]:
            asyncio.run(member.kill())
        app.wait_for("1/3 up", "NO LEADER", "STALE", timeout=10)
        go_to(app, "/app/k03", '"n": 3')
        app.keys("down")
        app.wait_for('"n": 4', timeout=3)
        app.keys("e")
        app.wait_for("NO LEADER: nothing can be written until a majority", timeout=3)
        for member in cluster3.members[:2]:
            member.launch()
        app.wait_for("3/3 up", gone=["NO LEADER", "STALE"], timeout=START)


def test_a_save_without_a_majority_is_told_as_such_and_its_draft_is_kept(cluster3: Server, tmp_path: Path) -> None:
    fill(cluster3)
    with operate(tmp_path, cluster3.endpoints) as app:
        app.wait_for("3/3 up", "/app/", timeout=START)
        go_to(app, "/app/k00", '"n": 0')
        open_editor(app)
        app.type(" ")
        for member in cluster3.members[:2]:
            asyncio.run(member.kill())
        review(app)
        survivor = cluster3.members[2]
        wait_until(lambda: "leader" not in cluster3.call_sync("maintenance/status", survivor), timeout=10)
        agree(app)
        told = re.compile("not written, kept as a draft. NO LEADER|not known")
        wait_until(lambda: told.search(status(app)), timeout=30)
        asyncio.run(cluster3.members[0].start())
        app.wait_for("2/3 up", gone=["NO LEADER"], timeout=START)
        assert asyncio.run(cluster3.get("/app/k00")) == b'{"n": 0}\n'
        app.keys("e")
        app.wait_for("there is a draft of this key that was not written")


def test_a_leader_killed_during_a_save_yields_no_false_word(cluster3: Server, tmp_path: Path) -> None:
    fill(cluster3)
    with operate(tmp_path, cluster3.endpoints) as app:
        app.wait_for("3/3 up", "/app/", timeout=START)
        for n in range(2):
            key = f"/app/k{n:02}"
            go_to(app, key, f'"n": {n}')
            open_editor(app)
            app.type(" ")
            review(app)
            leader = asyncio.run(cluster3.leader())
            if n:
                agree(app)
                asyncio.run(leader.kill())
            else:
                asyncio.run(leader.kill())
                agree(app)
            told = re.compile(rf"saved {key} at rev|not known|not written|no leader|no answer")
            wait_until(lambda told=told: told.search(status(app)), timeout=30)
            words = status(app)
            asyncio.run(leader.start())
            now = asyncio.run(cluster3.get(key))
            if "saved" in words:
                assert now == f' {{"n": {n}}}\n'.encode()
            elif "not known" not in words:
                assert now == f'{{"n": {n}}}\n'.encode(), words
            app.wait_for("3/3 up", timeout=START)


def test_one_frozen_member_of_three_holds_up_nobody(cluster3: Server, tmp_path: Path) -> None:
    fill(cluster3)
    with operate(tmp_path, cluster3.endpoints, size=NARROW) as app:
        app.wait_for("3/3 up", "/app/", timeout=START)
        go_to(app, "/app/k00", '"n": 0')
        leader = asyncio.run(cluster3.leader())
        frozen = next(member for member in cluster3.members if member is not leader)
        frozen.pause()
        for n in range(1, 10):
            app.keys("down")
            app.wait_for(f"/app/k{n:02}", f'"n": {n}', timeout=4)
        app.wait_for("2/3 up", f"{frozen.name} DOWN", timeout=15)
        for n in range(8, 0, -1):
            app.keys("up")
            app.wait_for(f"/app/k{n:02}", f'"n": {n}', timeout=2)
        frozen.resume()
        app.wait_for("3/3 up", timeout=5)
