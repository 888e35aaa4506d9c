"""The configuration file: every problem at once, profile by profile."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from etcdtui.config.load import load
from etcdtui.config.schema import Config, Environment, Profile
from tests.config.conftest import Loads

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


def _texts(config: Config) -> str:
    return "\n".join(str(problem) for problem in config.problems)


def _one(config: Config, name: str = "a") -> Profile:
    assert not config.problems, _texts(config)
    profile = config.profile(name)
    assert profile is not None
    return profile


def test_every_problem_is_told_at_once_with_its_line(loads: Loads, tmp_path: Path) -> None:
    config = loads(
        "version: 2\n"
        "defaults: {dial_timeout: 5, pagesize: 1}\n"
        "colour: red\n"
        "profiles:\n"
        "  a:\n"
        "    enviroment: prod\n"
        "    endpoints: ['127.0.0.1:99999', 'http://']\n"
        "    read_only: yes\n"
        "  b: {endpoints: 127.0.0.1:1, environment: pord}\n"
        "  c: {endpoints: 127.0.0.1:1}\n"
        "  d: {}\n"
    )
    file = tmp_path / "config.yaml"
    said = _texts(config).splitlines()
    for line, words in [
        (1, "version must be 1"),
        (2, "defaults.dial_timeout"),
        (2, "(nearest known name: page_size)"),
        (3, "key 'colour' is unknown"),
        (6, "(nearest known name: environment)"),
        (7, "1 to 65535; an endpoint names no host"),
        (8, "must be true or false"),
        (9, "environment 'pord' is unknown (nearest known name: prod)"),
        (11, "names no endpoints"),
    ]:
        assert any(text.startswith(f"{file}:{line}: ") and words in text for text in said), (line, words, said)
    assert len(said) == 9
    assert [profile.name for profile in config.profiles] == ["c"]
    assert [broken.name for broken in config.broken] == ["a", "b", "d"]
    assert len(config.file_problems) == 4


@pytest.mark.parametrize("endpoint", [
        "127.0.0.1:99999", "http://", "[::1", '""', "a b:1", "127.0.0.1", "[::1]", "::1:2379",
        "https://u:hunter2@h:1", "ftp://h:1", "h:-1", "h:0", "http://h:1/p", "unix:",
    ])  # fmt: skip
def test_a_bad_endpoint_is_refused_with_the_reason(loads: Loads, endpoint: str) -> None:
    config = loads(
        f"profiles:\n  a:\n    endpoints:\n      - {endpoint if endpoint[0] == chr(34) else repr(endpoint)}\n"
    )
    assert len(config.problems) == 1 and config.problems[0].line in (3, 4)
    assert "endpoint" in config.problems[0].text and "hunter2" not in config.problems[0].text


@pytest.mark.parametrize(
    "written",
    ["012345", "'@x'", '"a: b"', "'no'", "'abc #x'", "0x1F", "1:30"],
)
def test_passwords_are_taken_as_written_and_never_shown(loads: Loads, written: str) -> None:
    config = loads(
        f"profiles:\n  a: \n    endpoints: 127.0.0.1:1\n    auth:\n      user: u\n      password: {written}\n"
    )
    profile = _one(config)
    assert profile.auth.password is not None and profile.auth.password.reveal() == written.strip("'\"")
    assert written not in repr(config) and written not in "\n".join(config.notices)
    assert any("password_command or prompt" in notice for notice in config.notices)


@pytest.mark.parametrize(
    "written", ["abc #x", "~", "null", "", "[swordfish]", "{swordfish: 1}", "@swordfish", "&swordfish", "*swordfish"]
)
def test_a_password_that_yaml_would_change_is_refused(loads: Loads, written: str) -> None:
    config = loads(
        f"profiles:\n  a:\n    endpoints: 127.0.0.1:1\n    auth:\n      user: u\n      password: {written}\n"
    )
    assert config.problems and config.problems[0].line in (6, 7)
    assert "swordfish" not in repr(config) and "abc" not in _texts(config)


def test_the_other_program_of_the_same_name_is_recognised(loads: Loads) -> None:
    config = loads("theme: x\nfoo: [1]\nprofiles:\n  - name: a\n    endpoints: [x]\n")
    assert len(config.problems) == 1
    assert "another program named etcdtui" in config.problems[0].text and config.problems[0].line == 3


def test_a_profile_is_complete(loads: Loads) -> None:
    profile = _one(
        loads(
            "defaults: {dial_timeout: 7s, mask: {keys: [x]}}\n"
            "profiles: {a: {endpoints: 'h:1, i:2', command_timeout: 1m30s, mask: {fields: [y]}, "
            "trash: off, quota_bytes: 8GiB}}\n"
        )
    )
    assert (profile.dial_timeout, profile.command_timeout) == (7.0, 90.0)
    assert (profile.mask.keys, profile.mask.fields) == (("x",), ("y",))
    assert profile.endpoints == ("h:1", "i:2") and not profile.trash and profile.quota_bytes == 8 * 1024**3


@pytest.mark.parametrize(
    ("body", "locked"),
    [
        ("endpoints: 127.0.0.1:1", False),
        ("endpoints: ['localhost:1', '[::1]:2', 'unix:///x']", False),
        ("endpoints: [127.0.0.1:1, 10.0.0.1:1]", True),
        ("endpoints: 10.0.0.1:1", True),
        ("endpoints: 10.0.0.1:1, read_only: false", False),
        ("endpoints: 127.0.0.1:1, environment: prod", True),
        ("endpoints: 10.0.0.1:1, environment: dev", False),
        ("endpoints: 10.0.0.1:1, environment: dev, read_only: true", True),
        ("endpoints: 10.0.0.1:1, environment: prod, read_only: false, override_environment: true", False),
        ("preset: kubeadm", True),
        ("preset: kubeadm, environment: dev", True),
        ("preset: patroni, environment: dev, read_only: false", False),
    ],
)
def test_what_starts_locked(loads: Loads, body: str, locked: bool) -> None:
    assert _one(loads(f"profiles: {{a: {{{body}}}}}")).read_only is locked


def test_a_profile_is_not_looser_than_its_environment(loads: Loads) -> None:
    config = loads("profiles: {a: {endpoints: 10.0.0.1:1, environment: prod, read_only: false}}")
    assert "less strict than environment prod" in _texts(config) and config.profile("a") is None


def test_environments_can_be_changed_and_added(loads: Loads) -> None:
    config = loads(
        "environments: {prod: {color: '#ff00aa'}, lab: {read_only: false, relock_after: 5m}}\n"
        "profiles: {a: {endpoints: 10.0.0.1:1, environment: lab}}\n"
    )
    assert config.environments["prod"] == Environment("prod", "#ff00aa", True, "type", "name", 900.0)
    assert _one(config).env.relock_after == 300.0


def test_paths_expand_variables_home_and_start_at_the_file(loads: Loads, tmp_path: Path) -> None:
    text = (
        "profiles: {a: {endpoints: 127.0.0.1:1, namespace: '${NO}', tls: "
        "{cacert: '${CA:-~/x}/ca', cert: 'c.crt', key: '${K}/k'}}}"
    )
    profile = _one(loads(text, environ={"K": "/keys"}))
    assert profile.tls.cacert == f"{tmp_path}/x/ca" and profile.tls.cert == f"{tmp_path}/c.crt"
    assert profile.tls.key == "/keys/k" and profile.namespace == "${NO}"
    assert "variable K is not set" in _texts(loads(text))


def test_included_files_add_and_never_replace(loads: Loads, tmp_path: Path) -> None:
    for name, text in {
        "1.yaml": "profiles: {b: {endpoints: 127.0.0.1:1}, a: {endpoints: 10.6.6.6:1}}",
        "2.yaml": "environments: {prod: {read_only: false}, lab: {}}\nkeymap: {x: y}",
        "3.yaml": "profiles: [broken",
    }.items():
        (tmp_path / "team").mkdir(exist_ok=True)
        (tmp_path / "team" / name).write_text(text)
    config = loads("include: [team/*.yaml, none.yaml]\nprofiles: {a: {endpoints: 127.0.0.1:1, environment: lab}}")
    assert {p.name: p.endpoints for p in config.profiles} == {"a": ("127.0.0.1:1",), "b": ("127.0.0.1:1",)}
    assert config.environments["prod"].read_only
    assert len(config.included_problems) == 4 and [p.text[:9] for p in config.file_problems] == ["include: "]
    said = _texts(config)
    for words in (
        "profile 'a' exists already",
        "environment 'prod' exists already",
        "'keymap' is unknown",
        "no file",
        "3.yaml:1",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ("{user: u, password: x, password_env: Y}", "only one of password_env, password"),
        ("{password_env: Y}", "without user"),
        ("{user: u, password_env: hunter2!}", "must be the name of a variable"),
        ("{user: u, jwt_token_file: f}", "takes the place"),
        ("{user: u, password_command: pass show x}", "must be a list"),
        ("{user: u, password_command: []}", "must be a list"),
        ("bob:hunter2", "must be a section"),
    ],
)
def test_logins_that_do_not_fit_together(loads: Loads, auth: str, words: str) -> None:
    config = loads(f"profiles: {{a: {{endpoints: 127.0.0.1:1, auth: {auth}}}}}")
    assert words in _texts(config) and "hunter2" not in _texts(config)


def test_a_loose_private_key_is_refused(loads: Loads, tmp_path: Path) -> None:
    key = tmp_path / "k"
    key.write_text("x")
    key.chmod(0o640)
    body = f"endpoints: 127.0.0.1:1, tls: {{cert: c, key: {key}"
    assert f"chmod 600 {key}" in _texts(loads(f"profiles: {{a: {{{body}}}}}}}"))
    _one(loads(f"profiles: {{a: {{{body}, allow_loose_key: true}}}}}}"))


def test_thousands_of_mistakes_are_cut_short(loads: Loads) -> None:
    many = ", ".join(f"k{n}: 1" for n in range(8000))
    config = loads(f"profiles:\n  ok: {{endpoints: 127.0.0.1:1}}\n  a: {{{many}}}\n  z: {{nonsense: 1}}\n")
    assert len(config.problems) <= 102
    assert [p.name for p in config.profiles] == ["ok"] and [b.name for b in config.broken] == ["a", "z"]


def test_names_from_the_file_are_made_safe(loads: Loads) -> None:
    config = loads('profiles: {a: {endpoints: 127.0.0.1:1, "\\e]52;c;x\\a": 1, "\\u202ex": 2}}')
    assert len(config.problems) == 2
    assert "\x1b" not in _texts(config) and "\u202e" not in _texts(config)


def test_an_absent_file_is_no_problem_unless_it_was_named(tmp_path: Path) -> None:
    assert load({"XDG_CONFIG_HOME": str(tmp_path)}, root=tmp_path) == Config()
    named = load({"ETCDTUI_CONFIG": str(tmp_path / "x.yaml")}, root=tmp_path)
    assert "no such file" in _texts(named)


def test_what_is_installed_on_the_host_is_found(tmp_path: Path) -> None:
    ca = tmp_path / "etc/kubernetes/pki/etcd/ca.crt"
    ca.parent.mkdir(parents=True)
    ca.touch()
    config = load({"XDG_CONFIG_HOME": str(tmp_path), "ETCDCTL_ENDPOINTS": "10.3.0.7:2379"}, root=tmp_path)
    assert {p.name: p.endpoints for p in config.found} == {
        "kubeadm": ("https://127.0.0.1:2379",), "env": ("10.3.0.7:2379",),
    }  # fmt: skip
    assert all(p.read_only for p in config.found)


def test_the_example_loads(loads: Loads) -> None:
    config = loads(EXAMPLE.read_bytes())
    assert not config.problems, _texts(config)
    assert [p.name for p in config.profiles][:2] == ["prod-eu", "from-dns"]
    assert config.profiles[0].start is None


def _keys_of(cls: type) -> set[str]:
    found: set[str] = set()
    for item in fields(cls) if is_dataclass(cls) else ():
        if "kind" in item.metadata:
            found.add(item.name)
            if item.metadata["section"]:
                found |= _keys_of(item.metadata["section"])
    return found


def test_every_key_of_the_schema_is_in_the_example() -> None:
    text = EXAMPLE.read_text()
    wanted = _keys_of(Config) | _keys_of(Profile) | _keys_of(Environment) | {"profiles", "environments"}
    assert len(wanted) > 60
    assert [name for name in sorted(wanted) if not re.search(rf"(?<![a-z_]){name}:", text)] == []


@pytest.mark.parametrize("name", ["lock_patterns"])
def test_what_no_screen_reads_is_not_known(loads: Loads, name: str) -> None:
    config = loads(f"profiles:\n  a:\n    endpoints: 127.0.0.1:1\n    {name}: []\n")
    assert any(f"{name!r} is unknown" in str(problem) for problem in config.problems)


def test_endpoints_said_to_be_nothing_are_no_endpoints(loads: Loads) -> None:
    config = loads("profiles:\n  a:\n    endpoints: ~\n")
    assert not config.profiles
    assert [(p.line, "names no endpoints" in p.text) for p in config.problems] == [(3, True)]
