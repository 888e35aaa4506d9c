"""The only server frozen, gone or cut off: the screen says so, answers keys, and heals by itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.conftest import ServerFactory
from tests.faults.operator import NARROW, START, WIDE, fill, go_to, operate, seconds_for
from tests.support import TcpProxy
from tests.support.timing import Stopwatch

QUIT = 3.0
"""Seconds an end may take on a busy machine; two without load."""


async def test_a_frozen_server_leaves_the_screen_alive_and_is_back_at_once(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server()
    await asyncio.to_thread(fill, server)
    member = server.members[0]
    with operate(tmp_path, server.endpoints, size=NARROW) as app:
        app.wait_for("1/1 up", "/app/", timeout=START)
        go_to(app, "/app/k00", '"n": 0')
        member.pause()
        app.wait_for("0/1 up", "no answer since", timeout=15)
        for n in (1, 2, 3):
            app.keys("down")
            app.wait_for(f"/app/k{n:02}", timeout=1.5)
        app.wait_for("waiting for the server", timeout=3)
        app.keys("e")
        app.wait_for("nobody answers: nothing can be written now", timeout=2)
        member.resume()
        app.wait_for("1/1 up", '"n": 3', timeout=5)

        await member.kill()
        app.wait_for("0/1 up", "no answer since", timeout=15)
        app.keys("down")
        app.wait_for("r to retry", timeout=15)
        await member.start()
        app.wait_for("1/1 up", '"n": 4', timeout=6)

        app.keys("w")
        app.wait_for("synced", timeout=10)
        member.pause()
        app.keys("ctrl+q")
        assert app.wait(QUIT) == 0
        member.resume()


async def test_a_cut_and_a_swallowed_connection_are_told_and_heal(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    await asyncio.to_thread(fill, server)
    async with TcpProxy(server.endpoint) as proxy:
        with operate(tmp_path, [proxy.endpoint]) as app:
            await asyncio.to_thread(app.wait_for, "1/1 up", "/app/", timeout=START)
            await asyncio.to_thread(go_to, app, "/app/k00", '"n": 0')
            proxy.black_hole()
            await asyncio.to_thread(app.wait_for, "0/1 up", "no answer since", timeout=15)
            app.keys("down")
            await asyncio.to_thread(app.wait_for, "/app/k01", "waiting for the server", timeout=5)
            await proxy.heal()
            assert await asyncio.to_thread(seconds_for, app, "1/1 up", '"n": 1', timeout=10) < 6
            await proxy.cut()
            app.keys("down")
            await asyncio.to_thread(app.wait_for, "1/1 up", '"n": 2', timeout=10)
            await proxy.refuse()
            await asyncio.to_thread(app.wait_for, "0/1 up", timeout=15)
            await proxy.heal()
            await asyncio.to_thread(app.wait_for, "1/1 up", timeout=6)


async def test_stopped_and_resized_over_a_dialog_and_ended_with_its_text_kept(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server()
    await server.put("/e/a", "one\n")
    with operate(tmp_path, server.endpoints) as app:
        app.wait_for("1/1 up", "/e/", timeout=START)
        modes = app.terminal_modes()
        go_to(app, "/e/a")
        app.keys("e")
        app.wait_for("ctrl+s review")
        app.type("TYPED")
        app.wait_for("TYPEDone")
        for n in range(80):
            app.resize(1 + (n * 37) % 130, 1 + (n * 11) % 45)
            app.read(0)
        app.resize(*WIDE)
        app.wait_for("ctrl+s review", "TYPEDone")
        began = Stopwatch()
        app.signal(signal.SIGTERM)
        assert app.wait() == 128 + signal.SIGTERM
        assert began.fair() < QUIT
        assert b"\x1b[?1049l" in app.raw
        assert modes != app.terminal_modes()
    with operate(tmp_path, server.endpoints, size=NARROW) as app:
        app.wait_for("1/1 up", "/e/", timeout=START)
        go_to(app, "/e/a")
        app.keys("e")
        app.wait_for("there is a draft of this key that was not written")
        app.keys("r")
        app.wait_for("TYPEDone", "ctrl+s review")
