"""The Watch, Leases, Members and Auth screens of the real program on a real terminal and a real cluster."""

from __future__ import annotations

import pytest

from etcdtui.ui.modals.review import DEAF_FOR
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.support.processes import alive, descendants
from tests.ui.conftest import Start


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_watch_shows_what_changes_and_the_change_itself(
    etcd: Server, start: Start, size: tuple[int, int]
) -> None:
    app = start(etcd, size=size)
    app.wait_for("1/1", "WRITES ON")
    app.keys("2")
    app.wait_for("No watch yet")
    app.keys("n")
    app.type("/w/")
    app.keys("enter")
    app.wait_for("#1 /w/", "synced")
    await etcd.put(b"/w/a", b'{"max": 16}')
    await etcd.put(b"/w/a", b'{"max": 32}')
    await etcd.delete(b"/w/a")
    app.wait_for("NEW", "PUT", "DEL", "max 16 -> 32")
    app.keys("k", "enter")
    app.wait_for("change: /w/a", "before", "after")
    app.keys("esc")
    app.wait_for("#1 /w/", gone=["change: /w/a"])
    app.keys("p")
    app.wait_for("paused")
    await etcd.put(b"/w/later", b"1")
    app.wait_for("paused (1)")
    app.keys("p")
    app.wait_for("later")
    app.keys("d")
    app.wait_for("No watch yet")


async def test_leases_are_listed_granted_and_revoked(etcd: Server, start: Start) -> None:
    granted = etcd.etcdctl("lease", "grant", "300").split()[1]
    etcd.etcdctl("put", "/leased/key", "v", f"--lease={granted}")
    app = start(etcd, "--screen", "leases")
    app.wait_for(granted, "/leased/key", "these keys are deleted")
    app.keys("n")
    app.wait_for("seconds to live")
    app.keys("ctrl+u")
    app.type("500")
    app.keys("enter")
    app.type("77")
    app.keys("ctrl+s")
    app.wait_for("a new lease", "of 500 seconds", "with the ID 0000000000000077")
    app.keys("ctrl+s")
    app.wait_for("granted for 500 s")
    app.keys("g", "t")
    app.wait_for("lease keep-alive", granted)
    app.keys("ctrl+s")
    app.wait_for(f"lease {granted} renewed")
    app.keys("g", "d")
    app.wait_for("/leased/key", "lease revoke")
    app.keys("enter")
    assert (await etcd.get(b"/leased/key")) == b"v"


async def test_members_say_who_is_down_and_up_again_without_a_key(cluster3: Server, start: Start) -> None:
    app = start(cluster3, "--screen", "members")
    app.wait_for("QUORUM 2 of 3 needed, 3 up: can lose 1 more", "LEADER", timeout=20)
    leader = await cluster3.leader()
    victim = next(member for member in cluster3.members if member is not leader)
    await victim.kill()
    app.wait_for("2/3 up", "NO SPARE MEMBER", "DOWN", "can lose 0 more", timeout=15)
    app.keys("1")
    app.wait_for("2/3 up", "NO SPARE MEMBER", "KEYS/SIZE")
    app.keys("4")
    app.wait_for("connection refused", timeout=10)
    await victim.restart()
    app.wait_for("3/3 up", "can lose 1 more", gone=["NO SPARE"], timeout=20)
    names = [line.split()[0] for line in app.wait_for("LEADER").splitlines() if " ok" in line]
    assert len(names) == 3 and names == sorted(names)
    app.keys("M", "h")
    app.wait_for("compare the hashes of all members", "endpoint hashkv", timeout=15)
    app.keys("enter")
    app.wait_for("do the members agree", "equal on 3 of 3", timeout=15)


def test_auth_shows_effective_rights_and_answers_can_i_while_it_is_typed(etcd: Server, start: Start) -> None:
    etcd.etcdctl("role", "add", "app")
    etcd.etcdctl("role", "grant-permission", "app", "--prefix=true", "readwrite", "/app/")
    etcd.etcdctl("role", "grant-permission", "app", "read", "/gone")
    etcd.etcdctl("put", "/app/a", "1")
    etcd.etcdctl("user", "add", "bob:pw")
    etcd.etcdctl("user", "grant-role", "bob", "app")
    app = start(etcd, "--screen", "auth")
    app.wait_for("bob", "EFFECTIVE", "/app/", "from app", "auth off", "dead grant: /gone", "opens on /app/  /gone")
    app.keys("c")
    app.wait_for("may bob")
    app.type("/app/x")
    app.wait_for("CAN I?", "YES", "readwrite")
    app.keys("ctrl+u")
    app.type("/")
    app.wait_for("NO", "only a part", "not covered: / .. /app/")
    app.keys("enter")
    app.wait_for("not covered: / .. /app/", gone=["may bob"])


async def test_an_application_comes_on_board_in_one_form_and_auth_is_switched_on_without_a_lock_out(
    etcd_server: ServerFactory, start: Start
) -> None:
    """Story 1.14, in fewer than its 83 keys; the password is typed twice and seen nowhere."""
    server = await etcd_server()
    app = start(server, size=(80, 24))
    app.wait_for("1/1", "WRITES ON")
    app.keys("5")
    app.wait_for("Auth is off. o explains what enabling does.", "M enable auth", "o menu")
    app.keys("n")
    app.wait_for("in one form", gone=["every call needs a login"])
    app.keys("a")
    app.wait_for("a new application")
    app.type("shop")
    app.keys("enter", "enter")
    app.type("/shop/,r /a")
    app.wait_for("read write  from shop", "range read of / -> NO")
    app.keys("enter")
    app.type("pw1")
    app.keys("enter")
    app.type("pw1")
    app.keys("enter")
    app.wait_for("review: onboard shop", "role shop: readwrite on prefix /shop/", gone=["pw1"])
    while "esc cancel" in app.text():  # a review is deaf for a moment
        app.keys("ctrl+s")
        app.read(DEAF_FOR)
    app.wait_for("shop is on board", "no login can be tried")
    app.keys("M")
    app.wait_for("password of root")
    app.type("rootpw")
    app.keys("enter")
    app.type("other")
    app.keys("enter")
    app.wait_for("the two passwords differ")
    app.keys("ctrl+u")
    app.type("rootpw")
    app.keys("enter")
    app.wait_for("made anew with the password just typed", "1 profile without a user will be refused", "the way back")
    while "AUTH ENABLE" in app.text():
        app.keys("ctrl+u")
        app.type("auth enable")
        app.keys("enter")
        app.read(DEAF_FOR)
    app.wait_for("the login of root works", gone=["rootpw"])
    assert "shop" in server.etcdctl("--user", "root:rootpw", "user", "list")


def test_members_reached_through_one_endpoint_are_not_called_lost(cluster3: Server, start: Start) -> None:
    app = start(cluster3, "--endpoints", cluster3.endpoints[0], "--screen", "members", size=(80, 24))
    app.wait_for("QUORUM 2 of 3 needed, 1 up, 2 not seen from here", "no endpoint", gone=["NO QUORUM", "NO SPARE"])


async def test_a_role_is_added_after_a_review(etcd: Server, start: Start) -> None:
    app = start(etcd, "--screen", "auth")
    app.wait_for("No users and no roles")
    app.keys("n")
    app.wait_for("a set of permissions")
    app.keys("r")
    app.wait_for("name of the new role")
    app.type("writers")
    app.keys("enter")
    app.wait_for("new, without permissions", "etcdctl role add writers")
    app.keys("ctrl+s")
    app.wait_for("role writers added")
    await eventually(lambda: "writers" in etcd.etcdctl("role", "list"))


async def test_quitting_with_a_watch_open_is_quick_and_clean(etcd: Server, start: Start) -> None:
    app = start(etcd, "--screen", "watch")
    app.wait_for("No watch yet")
    app.keys("n")
    app.type("*")
    app.keys("enter")
    app.wait_for("everything", "synced")
    children = descendants(app.pid)
    app.keys("ctrl+q")
    assert app.wait(timeout=3) == 0
    await eventually(lambda: not alive(children))  # one stood by to put the terminal right


async def test_what_is_typed_ahead_reaches_the_dialog_it_was_typed_for(etcd: Server, start: Start) -> None:
    app = start(etcd, "--screen", "watch")
    app.wait_for("No watch yet")
    app.send(b"n/ahead/delete/me/\r2n/second\r")
    app.wait_for("#1 /ahead/delete/me/", "#2 /second")


def test_keys_typed_ahead_of_a_dialog_that_reads_first_are_no_commands(etcd: Server, start: Start) -> None:
    app = start(etcd, "--screen", "auth")
    app.wait_for("No users and no roles")
    app.send(b"nrdeploy\r")
    app.wait_for("etcdctl role add deploy")


async def test_marked_leases_are_revoked_together_and_all_keys_of_one_are_watched(etcd: Server, start: Start) -> None:
    """Marks did nothing: the lease under the cursor was reviewed. w watched the first key only."""
    leases = [etcd.etcdctl("lease", "grant", ttl).split()[1] for ttl in ("300", "400", "55")]
    for number, lease in enumerate(leases):
        etcd.etcdctl("put", f"/leased/{number}", "{}", f"--lease={lease}")
        etcd.etcdctl("put", f"/more/{number}", "plain", f"--lease={lease}")
    app = start(etcd, "--screen", "leases")
    app.wait_for(*leases, "3 leases", "2 B  JSON", "text", gone=["read 0 of"])
    app.keys("g", "w")
    app.wait_for("#1 /leased/2", "#2 /more/2")
    app.keys("3", "g", "j", "space", "space", "g", "d")
    app.wait_for("/leased/0", "/leased/1", "4 keys", f"lease revoke {leases[0]}, {leases[1]}")
    while "esc cancel" in app.text():  # a review is deaf for a moment
        app.keys("ctrl+s")
        app.read(DEAF_FOR)
    app.wait_for("2 leases revoked, 4 keys deleted with them")
    assert await etcd.get("/leased/2") == b"{}" and await etcd.get("/leased/0") is None
    app.keys("/")
    app.type("left:<10m")
    app.keys("enter")
    app.wait_for("(1 of 1)")
    app.keys("v")
    app.wait_for("v shows all", gone=["does nothing here", "enter keys  enter keys"])
    app.keys("v")
    app.wait_for("(1 of 1)", gone=["does nothing here"])
    app.keys("K")
    app.wait_for("renewed for as long as this program runs")
    app.keys("ctrl+s")
    app.wait_for("1 held alive while this program runs")
    app.keys("ctrl+q")
    app.wait_for("no longer renewed, and ending in time", leases[2])


def test_leases_begin_with_what_ends_first_and_names_the_key_in_80_columns(etcd: Server, start: Start) -> None:
    late = etcd.etcdctl("lease", "grant", "900").split()[1]
    soon = etcd.etcdctl("lease", "grant", "300").split()[1]
    etcd.etcdctl("put", "/services/search/10.0.2.12", "v", f"--lease={late}")
    app = start(etcd, "--screen", "leases", size=(80, 24))
    rows = app.wait_for("LEFT▲", "  /services/search/10.0.", "EMPTY").splitlines()
    table = [row.split()[0] for row in rows if row.strip().startswith((late, soon))]
    assert table == [soon, late]


async def test_a_new_member_is_refused_before_questions_while_one_is_down(cluster3: Server, start: Start) -> None:
    app = start(cluster3, "--screen", "members")
    app.wait_for("3/3 up", "LEADER", timeout=20)
    leader = await cluster3.leader()
    victim = next(member for member in cluster3.members if member is not leader)
    await victim.kill()
    app.wait_for("2/3 up", "DOWN", timeout=15)
    app.keys("n")
    app.wait_for("is down: remove it first", gone=["add a member"])
