"""The outlet never waits: what is not read is bounded, and a terminal that reads again gets the present picture."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import termios
import time
import tty
from collections.abc import Iterator

import pytest

from etcdtui.ui.wire.outlet import Outlet, open_apart
from tests.support import eventually

LINE = "x" * 999 + "\n"


class Counting:
    """A picture that is another one each time somebody looks."""

    def __init__(self) -> None:
        self.number = 0
        self.given = 0
        self.taken: list[int] = []

    def next_frame(self) -> str:
        if self.given == self.number:
            return ""
        self.given = self.number
        self.taken.append(self.number)
        return f"<{self.number}>" + LINE * 20


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave
    os.close(master)
    os.close(slave)


def read_all(master: int) -> bytes:
    os.set_blocking(master, False)
    data = b""
    while True:
        try:
            data += os.read(master, 65536)
        except BlockingIOError:
            return data


async def test_frames_made_while_nobody_reads_are_left_out_and_the_newest_comes_first(ends: tuple[int, int]) -> None:
    master, slave = ends
    source = Counting()
    outlet = Outlet(open_apart(slave), source, asyncio.get_running_loop())
    for source.number in range(1, 200):
        outlet.go_on()
    assert outlet.stalled
    assert len(source.taken) < 5
    read = bytearray()

    async def reads_on() -> bool:
        read.extend(read_all(master))
        return b"<199>" in read and not outlet.stalled

    await eventually(reads_on)
    assert [int(number) for number in re.findall(rb"<(\d+)>", read)] == [*source.taken[:-1], 199]
    assert read.count(b"x" * 999) >= 20 * (len(source.taken) - 1), "what was begun was sent whole"
    outlet.close("")


async def test_what_is_said_keeps_its_place_and_is_bounded(ends: tuple[int, int]) -> None:
    master, slave = ends
    source = Counting()
    outlet = Outlet(open_apart(slave), source, asyncio.get_running_loop())
    source.number = 1
    outlet.go_on()
    for number in range(2000):
        outlet.say(f"[{number}]" + "y" * 1000)
    source.number = 2
    read = bytearray()

    async def reads_on() -> bool:
        read.extend(read_all(master))
        return b"<2>" in read

    await eventually(reads_on)
    said = [int(number) for number in re.findall(rb"\[(\d+)\]", read)]
    assert said == list(range(len(said)))
    assert 100 < len(said) < 300
    assert read.index(b"<1>") < read.index(b"[0]") < read.index(b"<2>")
    outlet.close("")


@pytest.mark.parametrize("begun", [False, True])
async def test_the_end_waits_a_moment_only_and_leaves_the_last_words_for_later(
    ends: tuple[int, int], begun: bool
) -> None:
    master, slave = ends
    source = Counting()
    outlet = Outlet(open_apart(slave), source, asyncio.get_running_loop())
    for source.number in range(1, 200) if begun else ():
        outlet.go_on()
    outlet.say("goodbye")
    before = time.monotonic()
    outlet.close("<restored>")
    assert time.monotonic() - before < 1.5
    left = read_all(master)
    assert left.endswith(b"\x18\x1b\\<restored>") if begun else left == b"goodbye"
    outlet.say("more")
    outlet.go_on()


async def test_a_terminal_that_went_away_costs_nothing() -> None:
    master, slave = pty.openpty()
    outlet = Outlet(open_apart(slave), Counting(), asyncio.get_running_loop())
    os.close(master)
    outlet.say("to nobody")
    assert outlet.gone
    outlet.close("nor this")
    os.close(slave)


def test_the_descriptor_shared_with_the_shell_still_waits(ends: tuple[int, int]) -> None:
    _, slave = ends
    apart = open_apart(slave)
    assert not os.get_blocking(apart)
    assert os.get_blocking(slave)
    assert termios.tcgetattr(apart) == termios.tcgetattr(slave)
    os.close(apart)
