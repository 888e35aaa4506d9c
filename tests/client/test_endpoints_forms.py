"""Endpoint strings: every form, and every mistake with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.client._wire.endpoints import TlsUse, parse_endpoint, parse_endpoints
from etcdtui.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "target", "use", "name"),
    [
        ("db:2379", "db:2379", TlsUse.OPTIONAL, "db"),
        ("1.2.3.4:2379", "1.2.3.4:2379", TlsUse.OPTIONAL, "1.2.3.4"),
        ("[::1]:2379", "[::1]:2379", TlsUse.OPTIONAL, "::1"),
        ("http://db:1", "db:1", TlsUse.NEVER, "db"),
        ("https://db.example:2379/path?q=1", "db.example:2379", TlsUse.REQUIRED, "db.example"),
        ("https://user:secret@db:2379", "db:2379", TlsUse.REQUIRED, "db"),
        ("HTTPS://[fe80::1]:2379", "[fe80::1]:2379", TlsUse.REQUIRED, "fe80::1"),
        ("unix:///run/etcd.sock", "unix:/run/etcd.sock", TlsUse.OPTIONAL, "etcd.sock"),
        ("unix:/run/etcd.sock", "unix:/run/etcd.sock", TlsUse.OPTIONAL, "etcd.sock"),
        ("unix://rel/sock", "unix:rel/sock", TlsUse.OPTIONAL, "sock"),
        ("unix:sock:1", "unix:sock:1", TlsUse.OPTIONAL, "sock:1"),
        ("unixs:///run/e.sock", "unix:/run/e.sock", TlsUse.REQUIRED, "e.sock"),
    ],
)
def test_forms(text: str, target: str, use: TlsUse, name: str) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.target, endpoint.tls_use, endpoint.server_name) == (target, use, name)
    assert "secret" not in endpoint.text
    assert endpoint.uses_tls(False) is (use is TlsUse.REQUIRED)
    assert endpoint.uses_tls(True) is (use is not TlsUse.NEVER)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("127.0.0.1", "port is missing"),
        ("127.0.0.1:", "port is missing"),
        ("127.0.0.1:99999", "not a port"),
        ("127.0.0.1:0", "not a port"),
        ("127.0.0.1:+1", "not a port"),
        ("db:²", "not a port"),
        ("300.0.0.1:1", "not an IPv4"),
        (":2379", "host is missing"),
        ("http://", "missing"),
        ("https:///x", "missing"),
        ("[::1", "closing bracket"),
        ("[::1]", "port is missing"),
        ("[::1]2379", "only :port"),
        ("[nonsense]:1", "not an IPv6"),
        ("::1:2379", "brackets"),
        ("ftp://db:1", "scheme"),
        ("a b:1", "blanks"),
        ("db:1\n", ""),
        ("db:1/path", "not a port"),
        ("user@db:1", "not a host name"),
        ("-db:1", "not a host name"),
        ("unix:", "path"),
        ("unix:///run/", "path"),
        ("x" * 3000 + ":1", "too long"),
    ],
)
def test_mistakes(text: str, reason: str) -> None:
    if text == "db:1\n":
        assert parse_endpoint(text).text == "db:1"
        return
    with pytest.raises(ConfigError, match=reason):
        parse_endpoint(text)


def test_lists() -> None:
    assert [e.text for e in parse_endpoints(("a:1", "a:1", "http://a:1"))] == ["a:1", "http://a:1"]
    with pytest.raises(ConfigError, match="no endpoint"):
        parse_endpoints(())


@given(st.text(max_size=40))
def test_any_text_is_an_endpoint_or_a_config_error(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ConfigError:
        return
    assert endpoint.path or 1 <= endpoint.port <= 65535
