"""The command line as a program: what it prints, what it refuses, and its return codes."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from etcdtui import __version__, cli
from etcdtui.config.environ import NAMES
from etcdtui.config.launch import Launch
from tests.support import PtyApp, Server, running_server

SECRET = "hunter2swordfish"


class Run:
    """Runs ``main`` inside this process and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        self._capsys = capsys
        self.folder = tmp_path
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        try:
            code = cli.main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        self.out, self.err = self._capsys.readouterr()
        assert SECRET not in self.out + self.err
        assert "Traceback" not in self.err
        return code

    def config(self, text: str) -> str:
        file = self.folder / "c.yaml"
        file.write_text(text)
        file.chmod(0o600)
        return str(file)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in [name for name in os.environ if name.startswith(("ETCDCTL_", "ETCDTUI_", "NO_COLOR"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TERM", "xterm-256color")
    return Run(capsys, tmp_path)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[Launch]:
    """Starts that reached the user interface, which is not started."""
    found: list[Launch] = []

    def run_app(launch: Launch) -> int:
        found.append(launch)
        return 0

    monkeypatch.setattr(cli, "_load_ui", lambda: run_app)
    monkeypatch.setattr(cli, "terminal_problem", lambda environ: "")
    return found


def test_version_and_help(run: Run) -> None:
    assert run("--version") == 0 and run.out == f"etcdtui {__version__}\n"
    assert run("--help") == 0
    ours = (
        "profile config read-only write prefix rev screen dry-run theme no-color ascii no-mouse log check"
        " list-profiles print-config version debug hex"
    )
    for name in (*NAMES, *ours.split()):
        assert f"--{name}" in run.out, name


@pytest.mark.parametrize(
    "words",
    [["--nonsense"], ["--rev", "x"], ["--rev", "-1"], ["--screen", "foo"], ["--read-only", "--write"], ["a", "b"],
     ["--check", "--list-profiles"], ["--endpoints", "127.0.0.1:99999"], ["--dial-timeout", "5"], ["--cert", ""],
     ["--insecure-transport=maybe"], ["demo", "--members", "99"], ["demo", "--endpoints", "x:1"]],
)  # fmt: skip
def test_a_wrong_command_line_is_2(run: Run, launches: list[Launch], words: list[str]) -> None:
    assert run(*words) == 2
    assert run.err and not launches


def test_flags_reach_the_launch(run: Run, launches: list[Launch]) -> None:
    words = "--endpoints 10.0.0.1:1 --insecure-skip-tls-verify /app --rev 7 --screen 4 --theme light --no-color --ascii"
    assert run(*words.split(), "--no-mouse", "--dry-run", "--log", "x.log", "--hex", "--debug", "--read-only") == 0
    [launch] = launches
    assert launch.profile is not None and launch.profile.endpoints == ("10.0.0.1:1",)
    assert launch.profile.tls.insecure_skip_verify and launch.profile.read_only
    assert (launch.prefix, launch.rev, launch.screen, launch.theme) == ("/app", 7, "members", "light")
    assert launch.no_color and launch.ascii and not launch.mouse and launch.dry_run and launch.hex and launch.debug
    assert launch.read_only and not launch.write and launch.log_file == "x.log"


def test_nothing_named_is_the_usual_port(run: Run, launches: list[Launch], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run() == 0
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "10.0.0.1:1")
    monkeypatch.setenv("ETCDCTL_USER", f"bob:{SECRET}")
    assert run() == 0
    profiles = [launch.profile for launch in launches]
    assert [(p.name, p.read_only) for p in profiles if p is not None] == [("local", False), ("env", True)]
    assert SECRET not in repr(launches)


def test_switches_take_a_value_after_an_equals_sign_only(run: Run, launches: list[Launch]) -> None:
    assert run("--insecure-transport=false", "false") == 0
    [launch] = launches
    assert launch.profile is not None and not launch.profile.insecure_transport and launch.prefix == "false"


@pytest.mark.parametrize("words", [["--user", "bob", "--password", SECRET], ["--user", f"bob:{SECRET}"]])
def test_a_password_on_the_command_line_warns(run: Run, launches: list[Launch], words: list[str]) -> None:
    assert run(*words) == 0
    assert any("prefer the prompt" in notice for notice in launches[0].notices)
    assert SECRET not in repr(launches)


def test_several_profiles_and_none_named_lets_the_user_pick(run: Run, launches: list[Launch]) -> None:
    file = run.config("profiles: {a: {endpoints: 127.0.0.1:1}, b: {endpoints: 127.0.0.1:2}, c: {x: 1}}")
    assert run("--config", file) == 0
    assert launches[0].profile is None and len(launches[0].config.profiles) == 2
    assert run("--config", file, "-p", "c") == 3 and "'x' is unknown" in run.err
    assert run("--config", file, "-p", "d") == 3 and "known: a, b" in run.err
    assert run("--config", file, "-p", "b") == 0
    assert launches[1].profile is not None and launches[1].profile.name == "b"


def test_a_broken_file_tells_everything_and_is_3(run: Run, launches: list[Launch]) -> None:
    file = run.config(f"foo: 1\nbar: 2\nprofiles:\n  a: {{auth: {{user: u, password: [{SECRET}]}}}}\n")
    assert run("--config", file) == 3
    assert f"{file}:1:" in run.err and f"{file}:2:" in run.err and f"{file}:4:" in run.err and not launches


def test_the_configuration_is_shown_without_secrets(run: Run) -> None:
    auth = f"{{user: u, password: {SECRET}}}"
    command = f"{{user: u, password_command: [echo, {SECRET}]}}"
    file = run.config(
        f"profiles: {{a: {{endpoints: 127.0.0.1:1, auth: {auth}}}, b: {{preset: kubeadm, auth: {command}}}, c: {{}}}}"
    )
    assert run("--config", file, "--print-config") == 3
    assert "password_command:" in run.out and "- echo" in run.out and "healthcheck-client.crt" in run.out
    assert run("--config", file, "--list-profiles") == 3
    assert "c  BROKEN" in run.out and "names no endpoints" in run.out


def test_printed_configuration_can_be_read_again(run: Run) -> None:
    file = run.config("profiles: {a: {endpoints: 127.0.0.1:1, refresh: 0}, b: {preset: k3s}}")
    assert run("--config", file, "--print-config") == 0
    once = run.out
    assert run("--config", run.config(once), "--print-config") == 0
    assert run.out == once


def test_check_connects_and_says_what_it_would_do(run: Run, etcd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "10.0.0.1:1")
    monkeypatch.setenv("ETCDCTL_DIAL_TIMEOUT", "4s")
    assert run("--check", "--endpoints", etcd.endpoint) == 0, run.err
    for words in (
        "1/1 up",
        "PLAINTEXT",
        "endpoints: --endpoints",
        "dial-timeout: ETCDCTL_DIAL_TIMEOUT",
        "starts writes",
    ):
        assert words in run.out, (words, run.out)


def test_check_of_a_profile(run: Run, etcd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "10.0.0.1:1")
    file = run.config(f"profiles: {{a: {{endpoints: '{etcd.endpoint}', environment: prod}}, b: {{x: 1}}}}")
    assert run("--config", file, "--check", "-p", "a") == 0, run.err
    assert "environment prod, starts read-only" in run.out and "ignored" in run.out and f"{file}:1" in run.out
    assert run("--config", file, "--check") == 3


def _auth_on(server: Server) -> None:
    for words in (["user", "add", f"root:{SECRET}"], ["user", "grant-role", "root", "root"], ["auth", "enable"]):
        server.etcdctl(*words)


def test_check_logs_in_with_a_password_command(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    with running_server(size=1) as server:
        _auth_on(server)
        auth = f"auth: {{user: root, password_command: [cat, {secret}]}}"
        file = run.config(f"profiles: {{a: {{endpoints: '{server.endpoint}', {auth}}}}}")
        assert run("--config", file, "--check") == 0, run.err
        assert "password from password_command" in run.out and "1/1 up" in run.out
        assert run("--check", "--endpoints", server.endpoint, "--user", "root:wrong") == 1
        assert "wrong user name or password" in run.err
        assert run("--check", "--endpoints", server.endpoint, "--user", "root") == 1
        assert "has to be asked for" in run.err


def test_check_of_what_does_not_answer_is_1(run: Run) -> None:
    assert run("--check", "--endpoints", "127.0.0.1:1", "--dial-timeout", "1s") == 1
    assert "127.0.0.1:1" in run.err


def _program(*words: str, tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", **environ}
    argv = [sys.executable, "-m", "etcdtui", *words]
    return subprocess.run(argv, env=clean, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)


@pytest.mark.parametrize("words", [[], ["demo"]])
def test_without_a_terminal_it_refuses_in_one_line(tmp_path: Path, words: list[str]) -> None:
    done = _program(*words, tmp_path=tmp_path)
    assert done.returncode == 4 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "not a terminal" in done.stderr


def test_a_dumb_terminal_is_refused_in_one_line(tmp_path: Path) -> None:
    with PtyApp.start([sys.executable, "-m", "etcdtui"], env={"TERM": "dumb", "HOME": str(tmp_path)}) as app:
        assert app.wait() == 4
        assert "TERM=dumb" in app.text() and b"\x1b" not in app.raw


def test_nothing_heavy_is_imported_to_say_the_version(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['etcdtui', '--list-profiles']; import etcdtui.cli as cli; cli.main();"
        " heavy = {'textual', 'rich', 'grpc', 'google.protobuf', 'cryptography'} & set(sys.modules);"
        " sys.exit(str(heavy) if heavy else 0)"
    )
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_the_key_log_of_the_toolkit_is_switched_off(
    run: Run, launches: list[Launch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTUAL_LOG", str(run.folder / "keys"))
    assert run() == 0
    assert "TEXTUAL_LOG" not in os.environ


def test_check_refuses_a_keymap_that_means_nothing(run: Run) -> None:
    assert run("--config", run.config("keymap: {nonsense: x}"), "--check") == 3
    assert "'nonsense' is unknown" in run.err


def test_an_old_python_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    with pytest.raises(SystemExit, match=r"^etcdtui needs Python 3.11 or newer$"):
        runpy.run_module("etcdtui", run_name="__main__")


def test_a_closed_pipe_is_no_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{sys.executable}' -m etcdtui --help | true"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.stderr == ""
