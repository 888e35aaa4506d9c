"""Where a password comes from, and what happens when that goes wrong."""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from etcdtui.config.passwords import password_of, run_password_command, token_of
from etcdtui.config.schema import Auth
from etcdtui.config.secrets import Secret, child_environment, hide_from_children
from etcdtui.core.errors import ConfigError
from tests.support.timing import Stopwatch


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code)


def _refused(code: str, timeout: float = 20.0) -> str:
    with pytest.raises(ConfigError) as caught:
        run_password_command(_python(code), timeout=timeout)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_the_first_line_is_the_password() -> None:
    assert run_password_command(_python("print('p w'); print('second')"), timeout=20).reveal() == "p w"
    assert run_password_command(_python("print('crlf', end='\\r\\n')"), timeout=20).reveal() == "crlf"


def test_no_shell_is_used() -> None:
    argv = (*_python("import sys; print(sys.argv[1])"), "$(id) `id` ; id")
    assert run_password_command(argv, timeout=20).reveal() == "$(id) `id` ; id"


def test_a_failing_command_shows_its_words_made_safe() -> None:
    said = _refused("import sys; sys.stderr.write('no \\x1b]52;c;eA==\\x07 store'); print('hunter2'); sys.exit(3)")
    assert "exit code 3" in said and "store" in said and "\x1b" not in said and "\x07" not in said


def test_a_hanging_command_ends_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os,time; open({str(pid_file)!r},'w').write(str(os.getpid())); time.sleep(600)"
    start = Stopwatch()
    said = _refused(f"import subprocess,sys; subprocess.run([sys.executable,'-S','-c',{child!r}])", timeout=1.5)
    assert "1.5 seconds" in said and start.fair() < 6
    deadline = time.monotonic() + 5
    while _alive(int(pid_file.read_text())) and time.monotonic() < deadline:
        os.sched_yield()
    assert not _alive(int(pid_file.read_text()))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_command_that_closes_its_output_and_stays_is_ended() -> None:
    assert "0.5 seconds" in _refused("import os,time; os.close(1); os.close(2); time.sleep(600)", timeout=0.5)


def test_a_flood_is_cut_off() -> None:
    start = Stopwatch()
    assert "64 KiB" in _refused("import sys\nwhile True: sys.stdout.write('hunter2' * 10000)")
    assert "64 KiB" in _refused("print('hunter2' * 20000)")
    assert start.fair() < 10


def test_a_flood_of_errors_does_not_block() -> None:
    assert len(_refused("import sys; sys.stderr.write('e' * 10_000_000); sys.exit(1)")) < 500


@pytest.mark.parametrize(
    ("code", "words"),
    [("pass", "empty"), ("print()", "empty"), ("import os; os.write(1, b'\\xff\\xfe')", "UTF-8"),
     ("import os; os.kill(os.getpid(), 9)", "signal 9")],
)  # fmt: skip
def test_output_that_is_no_password(code: str, words: str) -> None:
    assert words in _refused(code)


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="No such file"):
        run_password_command(("no-such-program-anywhere",), timeout=5)


def _never(user: str) -> Secret | None:
    raise AssertionError(f"asked for the password of {user}")


def test_sources(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("from-file\nrest\n")
    file.chmod(0o600)
    for auth, expected in [
        (Auth(), None),
        (Auth(user="u", password=Secret("plain")), "plain"),
        (Auth(user="u", password_env="PW"), "from-env"),
        (Auth(user="u", password_file=str(file)), "from-file"),
        (Auth(user="u", password_command=_python("print('from-command')")), "from-command"),
    ]:
        found = password_of(auth, ask=_never, environ={"PW": "from-env"})
        assert (found.reveal() if found else None) == expected
    asked = password_of(Auth(user="u", prompt=True), ask=lambda user: Secret(user + "!"))
    assert asked is not None and asked.reveal() == "u!"
    token = token_of(Auth(jwt_token_file=str(file)))
    assert token is not None and token.reveal() == "from-file"


def test_a_password_file_others_can_read_is_refused_with_the_fix(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("hunter2")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=f"chmod 600 {file}") as caught:
        password_of(Auth(user="u", password_file=str(file)), ask=_never)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="does not exist"):
        password_of(Auth(user="u", password_file=str(tmp_path / "none")), ask=_never)
    with pytest.raises(ConfigError, match="not set"):
        password_of(Auth(user="u", password_env="PW"), ask=_never, environ={})


def test_a_secret_hides_itself() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {secret:>20} {[secret]} {Auth(user='u', password=secret)}"
    assert secret == Secret("hunter2") and secret != Secret("x") and secret.reveal() == "hunter2"


def test_the_keyring_holds_the_password_of_a_service_and_user() -> None:
    library: Any = importlib.import_module("keyring")
    backend: Any = importlib.import_module("keyring.backend")
    held = {("etcd-prod", "bob"): "hunter2"}
    methods = {
        "priority": 1,
        "get_password": lambda _, service, user: held.get((service, user)),
        "set_password": lambda *_: None,
    }
    ring = type("Ring", (backend.KeyringBackend,), methods)()
    before = library.get_keyring()
    library.set_keyring(ring)
    try:
        got = password_of(Auth(user="bob", keyring="etcd-prod"), ask=lambda _: None)
        assert got is not None and got.reveal() == "hunter2"
        with pytest.raises(ConfigError, match="keyring set etcd-prod eve"):
            password_of(Auth(user="eve", keyring="etcd-prod"), ask=lambda _: None)
    finally:
        library.set_keyring(before)


def test_no_program_that_is_started_inherits_a_password() -> None:
    environ = {"ETCDCTL_PASSWORD": "p", "ETCDCTL_USER": "u:p", "MY_SECRET_OF_PROD": "p", "PATH": "/bin"}
    hide_from_children("MY_SECRET_OF_PROD")
    assert child_environment(environ) == {"PATH": "/bin"}
