"""Processes that never outlive this one: the near side of ``keeper.py``.

Nothing here belongs to an event loop, so a set of processes started under one loop can be used under another.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from etcdtui.demo import keeper

POLL = 0.01
END_TIMEOUT = 10.0


class ProcessError(Exception):
    """A process could not be started or did not do what was asked; ``str()`` says which and why."""


class Keeper:
    """A folder of mode 0700 and named processes, all gone when this is closed or this process ends in any way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._closed = False
        try:
            hello = self._read()
            if "error" in hello:
                raise ProcessError(str(hello["error"]))
            self.folder = Path(str(hello["folder"]))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    def start(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Process:
        """Start a program with its output in ``NAME.log`` of the folder; a name can be used again after its end."""
        request = {"op": "start", "name": name, "argv": [str(a) for a in argv], "env": dict(env or {})}
        self.ask({**request, "log": f"{name}.log"})
        return self.process(name)

    def process(self, name: str) -> Process:
        """The process last started under this name."""
        return Process(self, name, self.folder / f"{name}.log")

    def ask(self, request: dict[str, object]) -> dict[str, object]:
        """One request to the keeper and its answer; takes well under a millisecond. Raises ``ProcessError``."""
        with self._lock:
            if self._closed:
                raise ProcessError("the processes were ended already")
            assert self._child.stdin is not None
            try:
                self._child.stdin.write(json.dumps(request) + "\n")
                self._child.stdin.flush()
            except OSError as failure:
                raise ProcessError("the keeper of the processes is gone") from failure
            answer = self._read()
        if "error" in answer:
            raise ProcessError(f"{request.get('name')}: {answer['error']}")
        return answer

    def _read(self) -> dict[str, object]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise ProcessError("the keeper of the processes is gone")
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """Kill every process, remove the folder, and return when that is done. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            assert self._child.stdin is not None and self._child.stdout is not None
            try:
                self._child.stdin.close()  # the end of its input is the order to end
            except OSError:
                pass
            try:
                self._child.wait(END_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._child.terminate()
                self._child.wait(END_TIMEOUT)
            finally:
                self._child.stdout.close()


class Process:
    """One process of a keeper."""

    def __init__(self, owner: Keeper, name: str, log_path: Path) -> None:
        self._owner = owner
        self.name = name
        self.log_path = log_path

    def _state(self) -> tuple[int, int | None]:
        answer = self._owner.ask({"op": "state", "name": self.name})
        pid, code = answer["pid"], answer["code"]
        assert isinstance(pid, int) and (code is None or isinstance(code, int))
        return pid, code

    @property
    def pid(self) -> int:
        return self._state()[0]

    @property
    def code(self) -> int | None:
        """Exit code, negative for a signal; ``None`` while it runs."""
        return self._state()[1]

    @property
    def running(self) -> bool:
        return self.code is None

    def send(self, number: int) -> None:
        self._owner.ask({"op": "signal", "name": self.name, "signal": int(number)})

    async def end(self, number: int = signal.SIGTERM, timeout: float = 10.0) -> int:
        """Send a signal, wait for the end, kill after ``timeout`` seconds; returns the exit code."""
        self.send(number)
        if number != signal.SIGKILL:
            self.send(signal.SIGCONT)
        deadline = asyncio.get_running_loop().time() + timeout
        while (code := self.code) is None:
            if asyncio.get_running_loop().time() > deadline:
                self.send(signal.SIGKILL)
                deadline += timeout
            await asyncio.sleep(POLL)
        return code

    def log_tail(self, size: int = 2000) -> str:
        """The end of what it printed, at most ``size`` bytes."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - size))
                return file.read().decode(errors="replace")
        except OSError:
            return ""
