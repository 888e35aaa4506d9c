"""etcdctl's ``ETCDCTL_*`` variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etcdtui.client._sources.source import Source, duration
from etcdtui.core.errors import ConfigError

_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


def read_env(environ: Mapping[str, str]) -> Source:
    """Settings from etcdctl's variables. An unset or empty one keeps the default."""
    given = {key.removeprefix("ETCDCTL_"): value for key, value in environ.items() if key.startswith("ETCDCTL_")}
    if given.get("DISCOVERY_SRV"):
        raise ConfigError("ETCDCTL_DISCOVERY_SRV is not supported; list the endpoints")
    source = Source()
    if given.get("ENDPOINTS"):
        source.options["endpoints"] = tuple(part.strip() for part in given["ENDPOINTS"].split(",") if part.strip())
    for variable, option in (
        ("DIAL_TIMEOUT", "dial_timeout"),
        ("COMMAND_TIMEOUT", "command_timeout"),
        ("KEEPALIVE_TIME", "keepalive_time"),
        ("KEEPALIVE_TIMEOUT", "keepalive_timeout"),
    ):
        if given.get(variable):
            source.options[option] = duration(given[variable], f"ETCDCTL_{variable}")
    for variable, option in (("MAX_REQUEST_BYTES", "max_request_bytes"), ("MAX_RECV_BYTES", "max_recv_bytes")):
        if given.get(variable, "0") not in ("", "0"):
            source.options[option] = _number(given[variable], f"ETCDCTL_{variable}")
    _env_login(given, source.options)
    source.tls = _env_tls(given)
    return source


def _env_login(given: Mapping[str, str], options: dict[str, Any]) -> None:
    user, password = given.get("USER", ""), given.get("PASSWORD", "")
    if given.get("AUTH_JWT_TOKEN"):
        options["token"] = given["AUTH_JWT_TOKEN"]
    elif user:
        name, colon, rest = user.partition(":")
        if password:
            name, rest, colon = user, password, ":"
        options["username"] = name
        if colon:
            options["password"] = rest
    elif password:
        raise ConfigError("ETCDCTL_PASSWORD is set without ETCDCTL_USER")


def _env_tls(given: Mapping[str, str]) -> dict[str, Any] | None:
    files = (("ca_file", "CACERT"), ("cert_file", "CERT"), ("key_file", "KEY"))
    tls: dict[str, Any] = {option: given[variable] for option, variable in files if given.get(variable)}
    skip = _flag(given.get("INSECURE_SKIP_TLS_VERIFY", "") or "false", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY")
    plain = _flag(given.get("INSECURE_TRANSPORT", "") or "true", "ETCDCTL_INSECURE_TRANSPORT")
    if skip:
        tls["insecure_skip_verify"] = True
    return tls if tls or not plain else None


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ConfigError(f'{name}: "{text}" is not a whole number')
    return int(text)


def _flag(text: str, name: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in _TRUE | _FALSE:
        raise ConfigError(f'{name}: "{text}" is neither true nor false')
    return lowered in _TRUE
