"""Run a decoder command of the profile: value on standard input, text on standard output, all of it bounded."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import IO

MAX_OUTPUT = 4 * 1024 * 1024
MAX_COMPLAINT = 2048
_CHUNK = 65536
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "TMPDIR")


class CommandFailedError(Exception):
    """The command gave no usable result; the message is a sentence, with foreign text in it."""


def run_command(argv: Sequence[str], value: bytes, timeout: float) -> bytes:
    """What the command writes, within ``timeout`` seconds and ``MAX_OUTPUT`` bytes. Blocks: call it in a thread.

    There is no shell, and of our environment it sees only the plain basics. The whole process group is killed when
    it is late or writes too much.
    """
    try:
        process = subprocess.Popen(
            [os.path.expanduser(part) for part in argv],  # noqa: PTH111 - arguments, not all of them paths
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,
        )
    except OSError as problem:
        raise CommandFailedError(f"The decoder {argv[0]} cannot be started: {problem.strerror}.") from None
    with process:
        try:
            out, complaint = _exchange(process, value, time.monotonic() + timeout)
            code = process.wait(timeout=1)
        except (TimeoutError, subprocess.TimeoutExpired):
            raise CommandFailedError(f"The decoder {argv[0]} did not finish in {timeout:g} s.") from None
        except OverflowError:
            raise CommandFailedError(f"The decoder {argv[0]} writes more than {MAX_OUTPUT} bytes.") from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        words = complaint.decode("utf-8", "surrogateescape").strip().split("\n")[0]
        raise CommandFailedError(f"The decoder {argv[0]} failed with status {code}: {words or 'no message'}.")
    return out


def _exchange(process: subprocess.Popen[bytes], value: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Feed and read until both outputs end."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None and stdout is not None and stderr is not None
    written = 0
    outputs: dict[IO[bytes], bytearray] = {stdout: bytearray(), stderr: bytearray()}
    with selectors.DefaultSelector() as ready:
        for pipe in (stdin, stdout, stderr):
            os.set_blocking(pipe.fileno(), False)
        ready.register(stdin, selectors.EVENT_WRITE, stdin)
        ready.register(stdout, selectors.EVENT_READ, stdout)
        ready.register(stderr, selectors.EVENT_READ, stderr)
        while ready.get_map():
            left = deadline - time.monotonic()
            events = ready.select(left) if left > 0 else []
            if not events:
                raise TimeoutError
            for key, _ in events:
                pipe = key.data
                if pipe is stdin:
                    done, written = _feed(stdin, value, written)
                    if done:
                        ready.unregister(stdin)
                        with contextlib.suppress(BrokenPipeError):
                            stdin.close()
                    continue
                chunk = os.read(pipe.fileno(), _CHUNK)
                if not chunk:
                    ready.unregister(pipe)
                elif pipe is stdout:
                    outputs[pipe] += chunk
                    if len(outputs[pipe]) > MAX_OUTPUT:
                        raise OverflowError
                elif len(outputs[pipe]) < MAX_COMPLAINT:
                    outputs[pipe] += chunk[:MAX_COMPLAINT]
    return bytes(outputs[stdout]), bytes(outputs[stderr])


def _feed(stdin: IO[bytes], value: bytes, written: int) -> tuple[bool, int]:
    try:
        written += os.write(stdin.fileno(), value[written : written + _CHUNK]) if written < len(value) else 0
    except BrokenPipeError:
        return True, written
    return written >= len(value), written
