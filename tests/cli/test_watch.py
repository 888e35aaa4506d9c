"""``etcdtui --watch``: the stream on a pipe, its end, and its exit codes, in a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.conftest import ServerFactory
from tests.support import Server
from tests.support.poll import wait_until

Process = subprocess.Popen[bytes]


@contextmanager
def watching(server: Server, folder: Path, *words: str) -> Iterator[Process]:
    """The program with its output in a pipe."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ETCDCTL_", "ETCDTUI_"))}
    env = {**clean, "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    argv = [sys.executable, "-m", "etcdtui", "--endpoints", ",".join(server.endpoints), *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def line(stream: IO[bytes] | None) -> dict[str, object]:
    assert stream is not None
    read = json.loads(stream.readline())
    assert isinstance(read, dict)
    return read


async def test_every_change_is_a_line_and_a_reader_that_leaves_ends_it_well(etcd: Server, tmp_path: Path) -> None:
    start = await etcd.put("/w/x", "0")
    with watching(etcd, tmp_path, "--watch", "/w/", "--rev", str(start), "-w", "json") as process:
        assert line(process.stdout)["value"] == "0"
        await etcd.put("/w/x", "1")
        await etcd.put("/other", "1")
        await etcd.delete("/w/x")
        second, third = line(process.stdout), line(process.stdout)
        assert (second["type"], second["value"], second["prev"]) == ("PUT", "1", "0")
        assert (third["type"], third["key"], third["value"], third["prev"]) == ("DEL", "/w/x", None, "1")
        assert process.stdout is not None
        process.stdout.close()  # and nothing is written after it
        assert process.wait(10) == 0
        assert process.stderr is not None and process.stderr.read() == b""


async def test_text_is_one_safe_line_a_change(etcd: Server, tmp_path: Path) -> None:
    start = await etcd.put("/w/esc", b"a\x1b]0;x\x07\nb")
    with watching(etcd, tmp_path, "--watch", "/w/", "--rev", str(start)) as process:
        assert process.stdout is not None
        text = process.stdout.readline()
        assert b"NEW  /w/esc" in text and b"\x1b" not in text and b"\x07" not in text


async def test_ctrl_c_prints_what_came_and_ends_with_130(etcd: Server, tmp_path: Path) -> None:
    start = await etcd.put("/w/x", "0")
    with watching(etcd, tmp_path, "--watch", "/w/", "--rev", str(start), "-w", "json") as process:
        assert line(process.stdout)["value"] == "0"
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130


async def test_a_gap_is_an_object_and_fails_only_when_asked_to(etcd: Server, tmp_path: Path) -> None:
    start = await etcd.put("/w/x", "0")
    last = start
    for number in range(3):
        last = await etcd.put("/w/x", str(number))
    await etcd.call("kv/compaction", revision=last)
    words = ("--watch", "/w/", "--rev", str(start), "-w", "json")
    with watching(etcd, tmp_path, *words) as process:
        gap, after = line(process.stdout), line(process.stdout)
        assert (gap["gap"], gap["first"], gap["last"]) == ("compacted", start, last - 1)
        assert (after["rev"], after["value"]) == (last, "2")
        assert process.poll() is None
    with watching(etcd, tmp_path, *words, "--fail-on-gap") as process:
        out, err = process.communicate(timeout=10)
        assert process.returncode == 1
        assert json.loads(out.splitlines()[0])["gap"] == "compacted"
        assert err.startswith(b"etcdtui: a gap: compacted at rev")


async def test_a_slow_reader_loses_nothing(etcd: Server, tmp_path: Path) -> None:
    """More than the pipe, the printer and the feed keep at a time: it holds still until the reader goes on."""
    value = "v" * 100_000
    first = await etcd.put("/w/first", "0")
    revisions = [await etcd.put(f"/w/{number % 7}", value) for number in range(150)]
    with watching(etcd, tmp_path, "--watch", "/w/", "--rev", str(first), "-w", "json") as process:
        assert line(process.stdout)["rev"] == first
        wait_until(lambda: _in_the_pipe(process) >= 65_000, 10.0)  # it is full, and whoever writes waits
        got = [line(process.stdout) for _ in revisions]
        assert [entry["rev"] for entry in got] == revisions
        assert all(entry["value"] == value for entry in got)


def _in_the_pipe(process: Process) -> int:
    assert process.stdout is not None
    count = array("i", [0])
    fcntl.ioctl(process.stdout.fileno(), termios.FIONREAD, count)
    return count[0]


async def test_a_refusal_names_what_would_be_allowed(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server(flags=["--bcrypt-cost=4"])
    for words in (
        ("user", "add", "root:r"),
        ("role", "add", "root"),
        ("user", "grant-role", "root", "root"),
        ("user", "add", "bob:b"),
        ("role", "add", "app"),
        ("role", "grant-permission", "app", "--prefix=true", "read", "/app/"),
        ("user", "grant-role", "bob", "app"),
        ("auth", "enable"),
    ):
        server.etcdctl(*words)
    login = ("--user", "bob", "--password", "b")
    with watching(server, tmp_path, *login, "--watch", "/", "-w", "json") as process:
        out, err = process.communicate(timeout=15)
        assert process.returncode == 1 and out == b""
        assert err.endswith(b"permission denied for this range; try /app/\n")
        assert b"Traceback" not in err


def test_nobody_there_is_a_sentence_and_code_1(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "etcdtui", "--endpoints", "127.0.0.1:1", "--dial-timeout", "300ms", "--watch", "/"]
    env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, env=env, timeout=20)
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr.startswith(b"etcdtui: ") and b"Traceback" not in done.stderr
