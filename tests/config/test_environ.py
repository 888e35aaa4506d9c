"""etcdctl's variables and flags, read as etcdctl reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.config.choose import ChoiceRefused, choose
from etcdtui.config.environ import SettingRefused, env_profile, unknown_in
from etcdtui.config.schema import Config, Profile
from tests.config.conftest import Loads

BASE = Profile(name="env")


def _env(**variables: str) -> Profile:
    return env_profile(BASE, {f"ETCDCTL_{name}": text for name, text in variables.items()})


def test_every_variable_of_a_profile() -> None:
    profile = _env(
        ENDPOINTS="https://a:1, b:2", CACERT="/ca", CERT="/c", KEY="/k", DIAL_TIMEOUT="3s", COMMAND_TIMEOUT="1m",
        KEEPALIVE_TIME="20s", KEEPALIVE_TIMEOUT="7s", INSECURE_TRANSPORT="false", INSECURE_SKIP_TLS_VERIFY="1",
        INSECURE_DISCOVERY="F", MAX_REQUEST_BYTES="4194304", MAX_RECV_BYTES="0",
    )  # fmt: skip
    assert profile.endpoints == ("https://a:1", "b:2")
    assert (profile.tls.cacert, profile.tls.cert, profile.tls.key) == ("/ca", "/c", "/k")
    assert profile.tls.insecure_skip_verify and not profile.insecure_transport and not profile.insecure_discovery
    assert (profile.dial_timeout, profile.command_timeout) == (3.0, 60.0)
    assert (profile.keepalive_time, profile.keepalive_timeout) == (20.0, 7.0)
    assert (profile.max_request_bytes, profile.max_recv_bytes) == (4194304, BASE.max_recv_bytes)


@pytest.mark.parametrize(
    ("variables", "user", "password"),
    [
        ({"USER": "bob"}, "bob", None),
        ({"USER": "bob:a:b"}, "bob", "a:b"),
        ({"USER": "bob:x", "PASSWORD": "p"}, "bob:x", "p"),
        ({"USER": "bob:", "PASSWORD": ""}, "bob", None),
    ],
)
def test_user_is_split_at_the_first_colon_only(variables: dict[str, str], user: str, password: str | None) -> None:
    auth = _env(**variables).auth
    assert auth.user == user
    assert (auth.password.reveal() if auth.password else None) == password


def test_a_token_wins_over_a_user() -> None:
    auth = _env(USER="bob:x", AUTH_JWT_TOKEN="hunter2").auth
    assert auth.user == "" and auth.password is None and auth.jwt_token is not None
    assert "hunter2" not in repr(auth)


def test_discovery_stands_beside_endpoints_and_none_means_the_usual_port() -> None:
    found = _env(ENDPOINTS="a:1", DISCOVERY_SRV="example.org", DISCOVERY_SRV_NAME="x")
    assert (found.endpoints, found.discovery_srv, found.discovery_srv_name) == (("a:1",), "example.org", "x")
    assert _env(DISCOVERY_SRV="example.org").endpoints == ()
    assert _env(DIAL_TIMEOUT="1s").endpoints == ("127.0.0.1:2379",)


@pytest.mark.parametrize(
    ("name", "text"),
    [("ENDPOINTS", "127.0.0.1:99999"), ("DIAL_TIMEOUT", "5"), ("INSECURE_TRANSPORT", "yes"), ("MAX_RECV_BYTES", "x"),
     ("DISCOVERY_SRV", "a b"), ("CACERT", "a\0")],
)  # fmt: skip
def test_a_bad_variable_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingRefused, match=f"^ETCDCTL_{name}: "):
        _env(**{name: text})


def test_unknown_variables_are_told() -> None:
    environ = {
        "ETCDCTL_API": "3",
        "ETCDCTL_WRITE_OUT": "json",
        "ETCDCTL_HEX": "1",
        "ETCDCTL_ENDPIONTS": "x",
        "OTHER": "",
    }
    assert unknown_in(environ) == ("ETCDCTL_ENDPIONTS",)
    assert "ETCDCTL_ENDPIONTS" in choose(Config(), "", {}, environ).notices[0]


PROD = {"ETCDCTL_ENDPOINTS": "10.9.9.9:2379", "ETCDCTL_USER": "root:hunter2"}
TWO = "profiles: {a: {endpoints: 127.0.0.1:1}, b: {endpoints: 10.0.0.1:1, environment: staging}, c: {endpointz: x}}"


def test_a_variable_never_redirects_a_named_profile(loads: Loads) -> None:
    choice = choose(loads(TWO), "a", {}, PROD)
    assert (
        choice.profile is not None and choice.profile.endpoints == ("127.0.0.1:1",) and choice.profile.auth.user == ""
    )
    assert "ignored" in choice.notices[0] and "ETCDCTL_ENDPOINTS" in choice.notices[0]
    assert "hunter2" not in "".join(choice.notices)


def test_with_profiles_and_no_name_the_user_picks(loads: Loads) -> None:
    assert choose(loads(TWO), "", {}, PROD).profile is None
    only = choose(loads("profiles: {a: {endpoints: 127.0.0.1:1}}"), "", {}, {}).profile
    assert only is not None and only.name == "a"


def test_without_profiles_the_variables_or_the_usual_port() -> None:
    local = choose(Config(), "", {}, {}).profile
    assert local is not None
    assert (local.name, local.endpoints, local.read_only) == ("local", ("127.0.0.1:2379",), False)
    env = choose(Config(), "", {}, PROD).profile
    assert env is not None
    assert (env.name, env.endpoints, env.read_only, env.auth.user) == ("env", ("10.9.9.9:2379",), True, "root")


def test_a_flag_wins_over_its_variable_and_says_so() -> None:
    choice = choose(Config(), "", {"endpoints": "127.0.0.1:5"}, {**PROD, "ETCDCTL_DISCOVERY_SRV": "example.org"})
    assert choice.profile is not None
    assert (choice.profile.endpoints, choice.profile.read_only) == (("127.0.0.1:5",), False)
    assert ("endpoints", "--endpoints") in choice.provenance and ("user", "ETCDCTL_USER") in choice.provenance
    assert any("--endpoints wins over ETCDCTL_ENDPOINTS" in notice for notice in choice.notices)


def test_a_flag_wins_over_the_profile_and_can_lock_it(loads: Loads) -> None:
    choice = choose(loads(TWO), "a", {"endpoints": "10.1.1.1:1", "user": "bob"}, {})
    assert choice.profile is not None and choice.profile.read_only and choice.profile.auth.asks
    assert ("endpoints", "--endpoints") in choice.provenance
    staging = choose(loads(TWO), "b", {"endpoints": "127.0.0.1:1"}, {}).profile
    assert staging is not None and staging.env.name == "staging"


def test_another_user_does_not_inherit_a_password(loads: Loads) -> None:
    text = "profiles: {a: {endpoints: 127.0.0.1:1, auth: {user: u, password: x}}}"
    profile = choose(loads(text), "a", {"user": "bob"}, {}).profile
    assert profile is not None and profile.auth.user == "bob" and profile.auth.password is None


def test_a_broken_or_unknown_profile_is_refused_with_its_reason(loads: Loads) -> None:
    config = loads(TWO)
    with pytest.raises(ChoiceRefused, match="endpointz"):
        choose(config, "c", {}, {})
    with pytest.raises(ChoiceRefused, match="known: a, b"):
        choose(config, "zzz", {}, {})


def test_a_relative_file_is_that_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _env(CACERT="ca.crt").tls.cacert == str(tmp_path / "ca.crt")
