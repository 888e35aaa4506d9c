"""Flows of an operator on a real terminal, in no more keys than they are promised to take; a character is a key."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.services.looking_support import fill, reading
from tests.support import PtyApp, Server, eventually, wait_until
from tests.ui.conftest import Start

TRIES = 5
SIZES = [(120, 40), (80, 24)]
PRODUCTION = """\
version: 1
profiles:
  prod-eu:
    environment: prod
    endpoints: ["{endpoint}"]
"""


class Counted:
    """A terminal that counts the keys pressed."""

    def __init__(self, app: PtyApp) -> None:
        self.app = app
        self.pressed = 0

    def press(self, *keys: str) -> None:
        self.pressed += len(keys)
        self.app.keys(*keys)

    def type(self, text: str) -> None:
        self.pressed += len(text)
        self.app.type(text)

    def agree_by_name(self, word: str) -> None:
        """Type into a review what is destroyed; it takes no key in its first moment, and such a try is not counted."""
        before, pressed = self.app.text().count(word), self.pressed
        for _ in range(TRIES):
            self.pressed = pressed
            self.type(word)
            try:
                wait_until(lambda: self.app.text().count(word) > before, timeout=2)
            except AssertionError:
                self.app.keys("ctrl+u")
            else:
                break
        self.press("enter")

    def sees(self, *words: str) -> str:
        return self.app.wait_for(*words, timeout=20)


def start(server: Server, home: Path, size: tuple[int, int], *, production: bool = False) -> PtyApp:
    """On the server as such, or by a profile named prod-eu whose environment is prod."""
    env = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config")}
    where = ["--endpoints", server.endpoint]
    if production:
        file = home / "config.yaml"
        file.write_text(PRODUCTION.format(endpoint=server.url))
        file.chmod(0o600)
        where = ["--config", str(file), "--profile", "prod-eu"]
    return PtyApp.start([sys.executable, "-m", "etcdtui", *where], env=env, size=size)


async def test_what_eats_the_space_in_five_keys(etcd: Server, tmp_path: Path) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/app/logs/%d" % n for n in range(30)] + [b"/app/x"], b"v" * 2_000)
    with start(etcd, tmp_path, (80, 24)) as app:
        hands = Counted(app)
        hands.sees("/app/", "31")
        hands.press("C")
        hands.sees("census of /app/", "logs/", "30")
        hands.press("b")
        hands.sees("b again reads all 31 values")
        hands.press("b")
        hands.sees("measured 31")
        hands.press("enter")
        hands.sees("census of /app/logs/")
        assert hands.pressed <= 5


async def test_the_lease_of_a_registration_in_thirty_keys(etcd: Server, tmp_path: Path) -> None:
    key = "/service/pg/members/n3"
    async with reading(etcd.endpoint) as reads:
        lease = await reads.client.lease.grant(600)
        await reads.client.kv.put(key.encode(), b"up", lease=lease.id)
    with start(etcd, tmp_path, (120, 40)) as app:
        hands = Counted(app)
        hands.sees("/service/")
        hands.press("f")
        hands.sees("find a key by path")
        hands.type(key)
        hands.press("enter")
        hands.sees(f"lease {lease.id:016x}", "TTL")
        hands.press("t")
        hands.sees(f"{lease.id:x}", key)
        assert hands.pressed <= 30


async def test_what_changed_in_a_bad_config_in_twenty_five_keys(etcd: Server, tmp_path: Path) -> None:
    for number in (16, 32, 64):
        await etcd.put("/config/app/db.json", f'{{"pool": {{"max": {number}}}}}')
    with start(etcd, tmp_path, (80, 24)) as app:
        hands = Counted(app)
        hands.sees("/config/")
        hands.press("f")
        hands.sees("find a key by path")
        hands.type("/config/app/db.json")
        hands.press("enter")
        hands.sees("JSON", "64")
        hands.press("H")
        hands.sees("1 field changed: pool.max 32 -> 64")
        hands.press("j")
        hands.sees("1 field changed: pool.max 16 -> 32")
        assert hands.pressed <= 25, "34 with unlocking and writing it back"


@pytest.mark.parametrize("size", SIZES)
async def test_a_bad_config_is_put_back_in_production_in_thirty_four_keys(
    etcd: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The condition is the revision now, the lease stays, and the difference is shown before it is written."""
    lease = int((await etcd.call("lease/grant", TTL=600))["ID"])
    for number in (16, 32, 64):
        await etcd.put("/config/app/db.json", f'{{"pool": {{"max": {number}}}}}', lease=lease)
    with start(etcd, tmp_path, size, production=True) as app:
        hands = Counted(app)
        hands.sees("/config/", "READ-ONLY")
        hands.press("!")
        hands.sees("Unlock writes on prod-eu")
        hands.type("prod-eu")
        hands.press("enter")
        hands.sees("WRITES ON")
        hands.press("f")
        hands.sees("find a key by path")
        hands.type("/config/app/db.json")
        hands.press("enter")
        hands.sees("JSON", "64")
        hands.press("H")
        hands.sees("1 field changed: pool.max 32 -> 64")
        hands.press("j")
        hands.sees("1 field changed: pool.max 16 -> 32")
        hands.press("u")
        hands.sees("review: restore", "pool.max", "64", "32", "still at rev", f"keeps lease {lease:x}")
        hands.press("ctrl+s")
        hands.sees("version 2 is back")
        assert hands.pressed <= 34
    async with reading(etcd.endpoint) as reads:
        (kv,) = (await reads.client.kv.get(b"/config/app/db.json")).kvs
        assert (kv.value, kv.lease, kv.version) == (b'{"pool": {"max": 32}}', lease, 4)


@pytest.mark.parametrize("size", SIZES)
async def test_one_value_of_a_config_is_edited_in_twenty_four_keys(
    etcd: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The lease and the missing line end stay, and only what was typed changes."""
    lease = int((await etcd.call("lease/grant", TTL=600))["ID"])
    await etcd.put("/config/app/db.json", '{"host": "pg-1", "pool": {"max": 16}}', lease=lease)
    await etcd.put("/config/app/limits.yaml", "rps: 100\n")
    await etcd.put("/service/web", "up")
    with start(etcd, tmp_path, size) as app:
        hands = Counted(app)
        hands.sees("/config/", "WRITES ON")
        hands.press("f")
        hands.sees("find a key by path", "/config/")
        hands.type("/c")
        hands.press("tab")
        hands.sees("/config/app/")
        hands.press("tab")
        hands.sees("limits.yaml")
        hands.type("d")
        hands.press("tab", "enter")
        hands.sees("JSON", "pg-1")
        hands.press("e")
        hands.sees("edit  /config/app/db.json")
        hands.press("end", "left", "left", "backspace", "backspace")
        hands.type("32")
        hands.sees('"max": 32}}')
        hands.press("ctrl+s")
        hands.sees("review: put (cas)", "JSON ok", "max", "still at rev", f"keeps lease {lease:x}")
        hands.press("ctrl+s")
        hands.sees("saved /config/app/db.json")
        assert hands.pressed <= 24
    async with reading(etcd.endpoint) as reads:
        (kv,) = (await reads.client.kv.get(b"/config/app/db.json")).kvs
        assert (kv.value, kv.lease, kv.version) == (b'{"host": "pg-1", "pool": {"max": 32}}', lease, 2)


@pytest.mark.parametrize("size", SIZES)
async def test_own_deletes_come_back_in_production_in_thirteen_keys(
    etcd: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    lease = int((await etcd.call("lease/grant", TTL=600))["ID"])
    for number in range(31):
        await etcd.put(b"/tmp/%d" % number, b"precious %d" % number, lease=lease if number == 7 else 0)
    with start(etcd, tmp_path, size, production=True) as app:
        hands = Counted(app)
        hands.sees("/tmp/", "READ-ONLY")
        hands.press("!")
        hands.type("prod-eu")
        hands.press("enter")
        hands.sees("WRITES ON")
        hands.press("d")
        hands.sees("DELETE PREFIX", "31 keys", "type")
        hands.agree_by_name("tmp/")
        hands.sees("31 keys deleted")
        hands.pressed = 0
        hands.press("9")
        hands.sees("delete prefix", "31 keys", "possible, 31 changes")
        hands.press("u")
        hands.sees("UNDO", "31", "create again", "every key still as it was left")
        hands.agree_by_name("tmp/")
        hands.sees("31 keys put back")
        assert hands.pressed <= 13
    async with reading(etcd.endpoint) as reads:
        found = {kv.key: (kv.value, kv.lease) for kv in (await reads.client.kv.get(b"/tmp/", prefix=True)).kvs}
        assert found == {b"/tmp/%d" % n: (b"precious %d" % n, lease if n == 7 else 0) for n in range(31)}


async def test_what_was_deleted_below_a_prefix_in_thirteen_keys(etcd: Server, tmp_path: Path) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        await fill(reads.client, [b"/team/a/%d" % n for n in range(5)] + [b"/team/z"], b"precious")
        gone = (await kv.delete(b"/team/a/", prefix=True)).header
        await fill(reads.client, [b"/busy/%d" % n for n in range(40)])
        for number in range(40):
            await kv.put(b"/busy/1", b"%d" % number)
    assert gone is not None
    with start(etcd, tmp_path, (120, 40)) as app:
        hands = Counted(app)
        hands.sees("/busy/", "/team/")
        hands.press("j")
        hands.press("H")
        screen = hands.sees("5 keys went away", f"rev {gone.revision}", "precious")
        assert screen.count("deleted") >= 5
        hands.press("u")
        hands.sees("review: undelete", "5 keys")
        assert hands.pressed <= 13


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_stuck_kubernetes_object_in_thirty_seven_keys(
    etcd: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    stuck = b'{"kind":"Widget","metadata":{"name":"w1","namespace":"web","deletionTimestamp":"2026-01-01T00:00:00Z",'
    stuck += b'"finalizers":["example.com/wait"]}}'
    async with reading(etcd.endpoint) as reads:
        await reads.client.kv.put(b"/registry/example.com/w/web/w1", stuck)
        await fill(reads.client, [b"/registry/pods/web/p-%d" % n for n in range(3)] + [b"/registry/pods/x/webby"])
    with start(etcd, tmp_path, size) as app:
        hands = Counted(app)
        hands.sees("/registry/")
        hands.press("f")
        hands.sees("find a key by path")
        hands.type("k8s:web")
        hands.press("enter")
        screen = hands.sees("4 hits", "/registry/example.com/w/web/w1")
        assert "webby" not in screen
        hands.press("enter")
        hands.sees("look, do not touch", "finalizers example.com/wait", "deletionTimestamp 2026-01-01", "name w1")
        assert hands.pressed <= 37


async def test_a_key_gets_a_lease_while_it_is_made_and_loses_it_later(etcd: Server, start: Start) -> None:
    """n, e and A: a time to live grants a lease, an ID attaches one that is there, - takes it off."""
    there = etcd.etcdctl("lease", "grant", "700").split()[1]
    app = start(etcd, size=(80, 24))
    app.wait_for("WRITES ON", "No keys")
    app.keys("n")
    app.wait_for("new key")
    app.type("/timed")
    app.keys("enter")
    app.wait_for("no lease (ctrl+g)")
    app.type("v1")
    app.keys("ctrl+g")
    app.wait_for("lease of /timed", "off:")
    app.type("300")
    app.keys("enter")
    app.wait_for("of 300 seconds", "review: lease grant")
    app.keys("ctrl+s")
    app.wait_for("edit  /timed   lease ", "v1")
    app.keys("ctrl+s")
    app.wait_for("review: new key /timed", "lease none -> ", "(TTL ")
    app.keys("ctrl+s")
    app.wait_for("saved /timed", "lease ")
    granted = etcd.etcdctl("get", "/timed", "-w", "fields")
    assert '"Lease" : 0' not in granted
    app.keys("A")
    app.wait_for("lease of /timed")
    app.keys("ctrl+u")
    app.type(there)
    app.keys("enter")
    app.wait_for("review: put", there.lstrip("0"))
    app.keys("ctrl+s")
    await eventually(lambda: "/timed" in etcd.etcdctl("lease", "timetolive", there, "--keys"))
    app.wait_for("saved /timed")
    app.keys("A")
    app.wait_for("lease of /timed")
    app.keys("ctrl+u")
    app.type("-")
    app.keys("enter")
    app.wait_for("review:", "none")
    app.keys("ctrl+s")
    await eventually(lambda: '"Lease" : 0' in etcd.etcdctl("get", "/timed", "-w", "fields"))
    assert await etcd.get("/timed") == b"v1"
