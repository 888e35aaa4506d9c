"""Gets a password from where the profile says it is. Blocking: call it off the event loop."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from etcdtui.config.files import FileRefused, chmod_hint, read_owned, readable_by_others
from etcdtui.config.schema import Auth, Login, Tls
from etcdtui.config.secrets import Secret, child_environment
from etcdtui.core.errors import ConfigError
from etcdtui.core.safe_text import safe_text
from etcdtui.core.value import record

MAX_OUTPUT = 64 * 1024
MAX_STDERR_SHOWN = 200
PASSPHRASE_TIMEOUT = 30.0


def password_of(
    auth: Login, *, ask: Callable[[str], Secret | None], environ: Mapping[str, str] = os.environ
) -> Secret | None:
    """The password of ``auth.user``; ``None`` when no user is named or the question was refused.

    ``ask(user)`` is called when the profile names no source. Raises ``ConfigError``, which never holds the password.
    """
    if not auth.user:
        return None
    if auth.password is not None:
        return auth.password
    if auth.password_env:
        value = environ.get(auth.password_env)
        if not value:
            raise ConfigError(f"password_env: the variable {safe_text(auth.password_env).text} is not set")
        return Secret(value)
    if auth.password_file:
        return secret_in_file(auth.password_file, environ, "password_file")
    if auth.keyring:
        return from_keyring(auth.keyring, auth.user)
    if auth.password_command:
        return run_password_command(auth.password_command, timeout=auth.password_timeout)
    return ask(auth.user)


def from_keyring(service: str, user: str) -> Secret:
    """What ``keyring set SERVICE USER`` has put into the system's keyring. Raises ``ConfigError``."""
    try:
        import keyring  # an extra that few have
    except ImportError:
        raise ConfigError("keyring: it is not installed; run: pip install 'etcdtui[keyring]'") from None
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - backends raise what they like, and none of it may end the program
        said = safe_text(f"{type(error).__name__}: {error}", limit=MAX_STDERR_SHOWN).text
        raise ConfigError(f"keyring: it cannot be asked: {said}") from None
    if not found:
        named = safe_text(f"{service} {user}", limit=80).text
        raise ConfigError(f"keyring: it holds no password for it; run: keyring set {named}")
    return Secret(found)


def token_of(auth: Auth, *, environ: Mapping[str, str] = os.environ) -> Secret | None:
    """The JWT to send instead of logging in, or ``None``. Raises ``ConfigError``."""
    if auth.jwt_token is not None:
        return auth.jwt_token
    return secret_in_file(auth.jwt_token_file, environ, "jwt_token_file") if auth.jwt_token_file else None


def passphrase_of(tls: Tls, *, environ: Mapping[str, str] = os.environ) -> Secret | None:
    """What opens an encrypted key, ``None`` when nothing says it. Raises ``ConfigError``."""
    if tls.passphrase is not None:
        return tls.passphrase
    if tls.passphrase_command:
        return run_password_command(tls.passphrase_command, timeout=PASSPHRASE_TIMEOUT, what="passphrase_command")
    return secret_in_file(tls.passphrase_file, environ, "passphrase_file") if tls.passphrase_file else None


def secret_in_file(name: str, environ: Mapping[str, str], what: str) -> Secret:
    """The first line of a file that only its owner can read."""
    path = Path(name)
    try:
        data, status = read_owned(path, environ, limit=MAX_OUTPUT)
    except FileNotFoundError:
        raise ConfigError(f"{what}: {name} does not exist") from None
    except FileRefused as error:
        raise ConfigError(f"{what}: {name}: {error}") from None
    if readable_by_others(status):
        raise ConfigError(f"{what}: {name} can be read by others; {chmod_hint(path)}")
    return _first_line(data, what)


def _first_line(data: bytes, what: str) -> Secret:
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line:
        raise ConfigError(f"{what}: the first line is empty")
    if len(line) >= MAX_OUTPUT:
        raise ConfigError(f"{what}: the first line is longer than {MAX_OUTPUT // 1024} KiB")
    try:
        return Secret(line.decode())
    except UnicodeDecodeError:
        raise ConfigError(f"{what}: the first line is not UTF-8") from None


def run_password_command(argv: tuple[str, ...], *, timeout: float, what: str = "password_command") -> Secret:
    """The first line of the command's output. No shell; it and its children are killed when time or output runs out."""
    program = safe_text(argv[0], limit=80).text
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env=child_environment(),
        )  # fmt: skip
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it cannot be run"
        raise ConfigError(f"{what}: {program}: {reason}") from None
    with process:
        try:
            output = _collect(process, timeout)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if output.ended == "time":
        raise ConfigError(f"{what}: {program} did not end within {timeout:g} seconds")
    if output.ended == "size":
        raise ConfigError(f"{what}: {program} wrote more than {MAX_OUTPUT // 1024} KiB")
    if process.returncode:
        said = safe_text(output.stderr.strip(), limit=MAX_STDERR_SHOWN).text
        raise ConfigError(f"{what}: {program} failed ({_status(process.returncode)}){': ' + said if said else ''}")
    return _first_line(output.stdout, what)


def _status(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {-code}"


@record(frozen=False)
class _Output:
    stdout: bytes = b""
    stderr: bytes = b""
    ended: str = ""


def _collect(process: subprocess.Popen[bytes], timeout: float) -> _Output:
    """Read both pipes until they close, too much came, or the time is over; ``ended`` says which."""
    output = _Output()
    deadline = time.monotonic() + timeout if timeout else float("inf")
    assert process.stdout and process.stderr
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                output.ended = "time"
                return output
            for key, _ in selector.select(min(left, 3600.0)):
                chunk = os.read(key.fd, 16384)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    output.stdout += chunk
                else:
                    output.stderr = (output.stderr + chunk)[:MAX_OUTPUT]
            if len(output.stdout) > MAX_OUTPUT:
                output.ended = "size"
                return output
    try:
        process.wait(max(0.0, min(deadline - time.monotonic(), 3600.0)))
    except subprocess.TimeoutExpired:
        output.ended = "time"
    return output
