"""What no terminal and no store should send, and does: junk in prompts, compaction under the eyes, hot prefixes."""

from __future__ import annotations

import os
from pathlib import Path

from tests.conftest import ServerFactory
from tests.faults.operator import NARROW, START, go_to, operate
from tests.support import Server

JUNK = b"\x1b[200~\x1b]52;c;aGk=\x07[/x]\x00\x9b31m\xff\xfe\xe2\x80\xae\n\nabc\x1b[2J\x1b[201~"
EVENT = 500_000
EVENTS = 100


def test_junk_in_every_prompt_and_compaction_end_nothing(etcd: Server, tmp_path: Path) -> None:
    for n in range(5):
        etcd.call_sync("kv/put", key=b"/c/key", value=b"v%d" % n)
    revision = etcd.call_sync("kv/put", key=b"/c/last", value=b"x")["header"]["revision"]
    with operate(tmp_path, etcd.endpoints, size=NARROW) as app:
        app.wait_for("1/1 up", "/c/", timeout=START)
        for prompt, words in (("f", "find a key by path"), (":", "esc cancel"), ("n", "new key")):
            app.keys(prompt)
            app.wait_for(words)
            app.send(JUNK)
            app.wait_for("[/x]")
            app.keys("esc")
            app.wait_for("1/1 up", gone=[words])
        assert not [leak for leak in (b"\x1b]52", b"\x9b31m", b"\xe2\x80\xae") if leak in app.raw]
        go_to(app, "/c/key", "ver 5")
        app.keys("H")
        app.wait_for("history of /c/key", "created h")
        etcd.call_sync("kv/compaction", revision=revision, physical=True)
        app.keys("r")
        app.wait_for("compacted")
        app.keys("esc")
        app.wait_for("1/1 up", "/c/key", gone=["history of"])


async def test_a_paused_watch_is_bounded_and_loses_nothing(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    value = os.urandom(EVENT)
    with operate(tmp_path, server.endpoints, "--screen", "watch") as app:
        app.wait_for("No watch yet", timeout=START)
        app.keys("n")
        app.wait_for("esc cancel")
        app.type("/hot/")
        app.keys("enter")
        app.wait_for("synced")
        app.keys("p")
        app.wait_for("paused (0)")
        for n in range(EVENTS):
            server.call_sync("kv/put", key=b"/hot/%d" % (n % 3), value=value)
        app.wait_for("the server keeps the rest", timeout=30)
        assert _resident(app.pid) < 300 * 1024 * 1024
        app.keys("p")
        app.wait_for("follow ON", "PUT")


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_limited_user_sees_the_granted_ranges_and_that_the_rest_is_hidden(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server()
    for key in (b"/app/a", b"/b2", b"/b9", b"/single", b"/secret/x"):
        server.call_sync("kv/put", key=key, value=b"v of " + key)
    for words in (
        "user add root:rootpw", "role add root", "user grant-role root root", "role add lim",
        "role grant-permission lim readwrite /app/ --prefix=true", "role grant-permission lim read /b2 /b6",
        "role grant-permission lim read /single", "user add lim:limpw", "user grant-role lim lim", "auth enable",
    ):  # fmt: skip
        server.etcdctl(*words.split())
    with operate(tmp_path, server.endpoints, "--user", "lim:limpw", size=NARROW) as app:
        app.wait_for("/app/", "/b2 .. /b6", "/single", "rest hidden", timeout=START)
        app.keys("G")
        app.wait_for("v of /single")
        app.keys("f")
        app.wait_for("find a key by path")
        app.type("/secret/x")
        app.keys("enter")
        app.wait_for("outside of what you may read")
        app.keys("5")
        app.wait_for("roles: lim", "/b2 .. /b6")
        assert "/secret" not in app.text()
