"""A database over its quota: reads and deletes go on, puts are refused with the reason."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from urllib.error import HTTPError

from tests.conftest import ServerFactory
from tests.faults.operator import NARROW, START, agree, go_to, operate
from tests.support import Server
from tests.support.poll import wait_until

QUOTA = 16 * 1024 * 1024


def _fill_up(server: Server) -> None:
    server.call_sync("kv/put", key=b"/app/a", value=b"small")
    server.call_sync("kv/put", key=b"/app/b", value=b"small")
    with contextlib.suppress(HTTPError):
        while True:
            server.call_sync("kv/put", key=b"/big/" + os.urandom(4).hex().encode(), value=os.urandom(700_000))


async def test_a_full_database_is_told_and_takes_deletes_only(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server(flags=[f"--quota-backend-bytes={QUOTA}"])
    await asyncio.to_thread(_fill_up, server)
    with operate(tmp_path, server.endpoints, size=NARROW) as app:
        app.wait_for("1/1 up", "NOSPACE", "/app/", "/big/", timeout=START)
        go_to(app, "/app/a", "small")
        app.keys("e")
        app.wait_for("NOSPACE: the database is full and takes no new values; deleting works", timeout=5)
        app.keys("d")
        app.wait_for("review: delete", "/app/a")
        agree(app)
        wait_until(lambda: not server.call_sync("kv/range", key=b"/app/a").get("kvs"), timeout=10)
        go_to(app, "/app/b", "small")
        app.keys("left")
        app.wait_for("folder")
        app.keys("d")
        app.wait_for("review: delete", "/app/")
        agree(app)
        wait_until(lambda: not server.call_sync("kv/range", key=b"/app/b").get("kvs"), timeout=10)
        assert app.running
