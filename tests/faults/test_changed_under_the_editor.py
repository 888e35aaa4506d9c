"""A key that is changed, deleted or expires while it is edited; a lease and a final newline that must survive."""

from __future__ import annotations

from pathlib import Path

from tests.faults.operator import NARROW, START, agree, go_to, open_editor, operate, review
from tests.support import Server
from tests.support.poll import wait_until


def _put(server: Server, key: bytes, value: bytes, lease: int = 0) -> None:
    server.call_sync("kv/put", key=key, value=value, lease=lease)


def test_nothing_is_overwritten_and_no_text_is_lost(etcd: Server, tmp_path: Path) -> None:
    lease = etcd.call_sync("lease/grant", TTL=600)["ID"]
    short = etcd.call_sync("lease/grant", TTL=5)["ID"]
    for name in (b"changed", b"deleted"):
        _put(etcd, b"/e/" + name, b"one\ntwo\n")
    _put(etcd, b"/e/leased", b"one\ntwo\n", lease)
    _put(etcd, b"/e/expires", b"one\ntwo\n", short)
    with operate(tmp_path, etcd.endpoints, size=NARROW) as app:
        app.wait_for("1/1 up", "/e/", timeout=START)

        def edit(key: str) -> None:
            go_to(app, key)
            open_editor(app)
            app.type("MINE")
            app.wait_for("MINEone")

        etcd.call_sync("lease/keepalive", ID=short)
        edit("/e/expires")
        wait_until(lambda: not etcd.call_sync("kv/range", key=b"/e/expires").get("kvs"), timeout=15)
        review(app)
        agree(app)
        app.wait_for("the key was deleted meanwhile", "esc keep draft")
        app.keys("esc")
        app.wait_for("kept as a draft", gone=["esc keep draft"])

        edit("/e/changed")
        _put(etcd, b"/e/changed", b"one\nTHEIRS\n")
        review(app)
        agree(app)
        app.wait_for("not written: somebody changed this key", "esc keep draft")
        app.keys("esc")
        app.wait_for("kept as a draft", gone=["esc keep draft"])
        app.keys("e")
        app.wait_for("there is a draft", "the key was changed since")
        app.keys("esc")
        app.wait_for("1/1 up", gone=["there is a draft"])

        edit("/e/deleted")
        etcd.call_sync("kv/deleterange", key=b"/e/deleted")
        review(app)
        agree(app)
        app.wait_for("the key was deleted meanwhile")
        app.keys("esc")
        app.wait_for("kept as a draft", gone=["esc keep draft"])

        edit("/e/leased")
        review(app)
        app.wait_for("keeps lease", "keeps final newline: yes")
        agree(app)
        app.wait_for("saved /e/leased at rev")
    kvs = etcd.call_sync("kv/range", key=b"/e/", range_end=b"/e0")["kvs"]
    assert [kv.get("lease", "0") for kv in kvs] == ["0", lease]
    assert etcd.etcdctl("get", "/e/changed", "--print-value-only") == "one\nTHEIRS\n\n"
    assert etcd.etcdctl("get", "/e/leased", "--print-value-only") == "MINEone\ntwo\n\n"
