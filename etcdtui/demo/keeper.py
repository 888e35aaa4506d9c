"""The process that keeps the demo's processes: nothing it started, and no folder it made, outlives its parent.

It runs as a child of its own (``python -I -S keeper.py``), in its own session so that a terminal's signals do not
reach it, and imports the standard library only so that it starts in a few milliseconds. It answers one JSON line on
stdout for each JSON line on stdin. When stdin ends (the parent closed it, or was killed, even by SIGKILL) or SIGTERM
arrives, it kills what it started, removes its folder and ends.

Requests: ``start`` (name, argv, env, log) -> pid; ``signal`` (name, signal); ``state`` (name) -> pid, code (null while
it runs, negative for a signal). A refused request is answered with ``error``.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

FOLDER_PREFIX = "etcdtui-demo-"
PR_SET_PDEATHSIG = 1
REMOVE_ATTEMPTS = 20


def die_with_parent() -> Callable[[], None] | None:
    """What a child does before exec so that it dies even if the keeper itself is killed (Linux; else ``None``)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class Children:
    """The processes by name, and the folder of mode 0700 that everything they write goes to."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._before_exec = die_with_parent()

    def start(self, name: str, argv: list[str], env: dict[str, str], log: str) -> int:
        old = self._running.get(name)
        if old is not None and old.poll() is None:
            raise ValueError(f"{name} runs already")
        with open(self.folder / log, "ab") as out:  # noqa: PTH123
            process = subprocess.Popen(
                argv,
                env={**os.environ, **env},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=self._before_exec,  # one thread here, so this is safe
            )
        self._running[name] = process
        return process.pid

    def signal(self, name: str, number: int) -> None:
        """Send a signal; a process that ended already is left alone."""
        self._running[name].send_signal(number)

    def state(self, name: str) -> tuple[int, int | None]:
        process = self._running[name]
        return process.pid, process.poll()

    def end(self) -> None:
        """Kill every process with its group, wait until it is gone, and remove the folder."""
        for process in self._running.values():
            if process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    process.kill()
        for process in self._running.values():
            process.wait()
        for _ in range(REMOVE_ATTEMPTS):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break


def answer(children: Children, request: dict[str, object]) -> dict[str, object]:
    """Do one request; a failure is an answer with ``error``."""
    name = str(request.get("name", ""))
    try:
        match request["op"]:
            case "start":
                argv, env, log = request["argv"], request["env"], str(request["log"])
                assert isinstance(argv, list) and isinstance(env, dict)
                return {"pid": children.start(name, argv, env, log)}
            case "signal":
                number = request["signal"]
                assert isinstance(number, int)
                children.signal(name, number)
                return {}
            case "state":
                pid, code = children.state(name)
                return {"pid": pid, "code": code}
            case other:
                return {"error": f"unknown request {other!r}"}
    except (OSError, ValueError, KeyError, AssertionError, subprocess.SubprocessError) as failure:
        return {"error": f"{type(failure).__name__}: {failure}"}


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Serve requests until stdin ends; always leaves nothing behind."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    try:
        children = Children()
    except OSError as failure:
        _say({"error": f"no temporary folder: {failure}"})
        return 1
    try:
        _say({"folder": str(children.folder)})
        for line in sys.stdin:
            _say(answer(children, json.loads(line)))
    except (BrokenPipeError, ValueError):
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        children.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
