"""Client settings: defaults, validation, and where they can be read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etcdtui.client import ClientOptions, TlsOptions, errors
from etcdtui.client._sources.source import duration
from etcdtui.client._transport.channels import channel_options


def test_defaults() -> None:
    options = ClientOptions()
    assert options.endpoints == ("127.0.0.1:2379",)
    assert (options.dial_timeout, options.command_timeout) == (2.0, 5.0)
    assert (options.keepalive_time, options.keepalive_timeout) == (10.0, 6.0)
    assert (options.max_request_bytes, options.max_recv_bytes) == (2 * 1024 * 1024, 2**31 - 1)
    assert (options.max_unary_retries, options.backoff_wait_between, options.backoff_jitter_fraction) == (
        100,
        0.025,
        0.1,
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"endpoints": ()}, "no endpoint"),
        ({"endpoints": "a:1"}, "tuple"),
        ({"endpoints": ("a",)}, "port is missing"),
        ({"username": "u"}, "without a password"),
        ({"password": "p"}, "without a user"),
        ({"username": "u", "password": "p", "token": "t"}, "not both"),
        ({"token": "a\nb"}, "cannot be sent"),
        ({"max_request_bytes": 11, "max_recv_bytes": 10}, r"11.*10"),
        ({"max_request_bytes": 0}, "max_request_bytes"),
        ({"max_recv_bytes": 2**31}, "max_recv_bytes"),
        ({"max_unary_retries": -1}, "max_unary_retries"),
        ({"max_unary_retries": 1.5}, "max_unary_retries"),
        ({"dial_timeout": -1}, "dial_timeout"),
        ({"command_timeout": float("nan")}, "command_timeout"),
        ({"keepalive_timeout": 0}, "keepalive_timeout"),
        ({"backoff_jitter_fraction": 2}, "backoff_jitter_fraction"),
        ({"auto_sync_interval": True}, "auto_sync_interval"),
    ],
)
def test_refusals(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.ConfigError, match=words):
        ClientOptions(**fields)


def test_zero_means_no_limit_or_off_and_limits_may_be_equal() -> None:
    options = ClientOptions(
        dial_timeout=0, command_timeout=0, keepalive_time=0, max_request_bytes=5, max_recv_bytes=5, max_unary_retries=0
    )
    assert not any("keepalive" in name for name, _ in channel_options(options))
    assert ClientOptions(username="u", password="").password == ""


def test_keepalive_is_raised_and_sets_all_four_options() -> None:
    options = ClientOptions(keepalive_time=2, keepalive_timeout=3, permit_without_stream=True)
    assert options.keepalive_time == 10
    chosen = dict(channel_options(options))
    assert chosen["grpc.keepalive_time_ms"] == 10_000
    assert chosen["grpc.keepalive_timeout_ms"] == chosen["grpc.http2.ping_timeout_ms"] == 3000
    assert chosen["grpc.http2.max_pings_without_data"] == 0
    assert chosen["grpc.keepalive_permit_without_calls"] == 1
    assert chosen["grpc.enable_http_proxy"] == 0
    assert chosen["grpc.max_receive_message_length"] == -1


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(ClientOptions(username="u", password="hunter2"))
    assert "hunter2" not in repr(ClientOptions(token="hunter2"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("2s", 2.0), ("1m30s", 90.0), ("250ms", 0.25), ("0", 0.0), ("1.5h", 5400.0), (".5s", 0.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text, "x") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "2", "s", "2 s", "-1s", "1x", "1s2"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(errors.ConfigError):
        duration(text, "x")


def test_from_etcdctl_variables() -> None:
    options = ClientOptions.from_env(
        {
            "ETCDCTL_ENDPOINTS": "a:1, https://b:2",
            "ETCDCTL_DIAL_TIMEOUT": "3s",
            "ETCDCTL_COMMAND_TIMEOUT": "1m",
            "ETCDCTL_USER": "u:p:q",
            "ETCDCTL_MAX_REQUEST_BYTES": "0",
            "ETCDCTL_CACERT": "ca.crt",
            "ETCDCTL_UNKNOWN": "x",
            "OTHER": "y",
        }
    )
    assert options.endpoints == ("a:1", "https://b:2")
    assert (options.dial_timeout, options.command_timeout) == (3.0, 60.0)
    assert (options.username, options.password) == ("u", "p:q")
    assert options.tls == TlsOptions(ca_file="ca.crt")
    whole = ClientOptions.from_env({"ETCDCTL_USER": "u:x", "ETCDCTL_PASSWORD": "p"})
    assert (whole.username, whole.password) == ("u:x", "p")
    token = ClientOptions.from_env({"ETCDCTL_USER": "u:p", "ETCDCTL_AUTH_JWT_TOKEN": "t"})
    assert (token.token, token.username) == ("t", None)
    assert ClientOptions.from_env({"ETCDCTL_INSECURE_TRANSPORT": "false"}).tls == TlsOptions()
    assert ClientOptions.from_env({"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "1"}).tls == TlsOptions(
        insecure_skip_verify=True
    )
    assert ClientOptions.from_env({}) == ClientOptions()


@pytest.mark.parametrize(
    "variables",
    [
        {"ETCDCTL_DIAL_TIMEOUT": "5"},
        {"ETCDCTL_USER": "u"},
        {"ETCDCTL_PASSWORD": "p"},
        {"ETCDCTL_CERT": "c"},
        {"ETCDCTL_DISCOVERY_SRV": "example.com"},
        {"ETCDCTL_INSECURE_TRANSPORT": "maybe"},
        {"ETCDCTL_MAX_RECV_BYTES": "1k"},
    ],
)
def test_bad_variables(variables: dict[str, str]) -> None:
    with pytest.raises(errors.ConfigError):
        ClientOptions.from_env(variables)


def test_from_etcds_yaml(tmp_path: Path) -> None:
    file = tmp_path / "client.yaml"
    file.write_text(
        "endpoints: [a:1]\ndial-timeout: 3000000000\ndial-keep-alive-time: 20s\nusername: u\npassword: p\n"
        "MaxCallSendMsgSize: 100\nmaxcallrecvmsgsize: 200\nca-file: ca.crt\nmax-unary-retries: 7\n"
    )
    options = ClientOptions.from_yaml(file)
    assert (options.dial_timeout, options.keepalive_time) == (3.0, 20.0)
    assert (options.max_request_bytes, options.max_recv_bytes, options.max_unary_retries) == (100, 200, 7)
    assert options.tls == TlsOptions(ca_file="ca.crt")
    file.write_text("endpoints: [a:1]\ninsecure-transport: true\ncert-file: c\nkey-file: k\n")
    assert ClientOptions.from_yaml(file).tls is None
    file.write_text("ca-file: old\ntrusted-ca-file: new\ncert-file: c\nkey-file: k\n")
    assert ClientOptions.from_yaml(file).tls == TlsOptions(ca_file="new", cert_file="c", key_file="k")


@pytest.mark.parametrize(
    "content",
    ["[]", "endpoints: a:1", "dial-timeout: 1.5", "dial-timeout: soon", "colour: red", "{", "token: 5", "\x00", "x"],
)
def test_bad_yaml(tmp_path: Path, content: str) -> None:
    file = tmp_path / "client.yaml"
    file.write_text(content)
    with pytest.raises(errors.ConfigError):
        ClientOptions.from_yaml(file)


def test_missing_yaml(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="No such file"):
        ClientOptions.from_yaml(tmp_path / "none")
