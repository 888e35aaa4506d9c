"""Reads client settings where etcd's own tools keep them: ``ETCDCTL_*`` variables and the YAML client configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from etcdtui.core.errors import ConfigError
from etcdtui.core.value import record

MAX_FILE = 1024 * 1024
"""Bytes of a configuration file."""
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


@record(frozen=False)
class Source:
    """Keyword arguments for ``ClientOptions``, and for ``TlsOptions`` when TLS was asked for."""

    options: dict[str, Any] = field(default_factory=dict)
    tls: dict[str, Any] | None = None


def duration(text: str, name: str) -> float:
    """Seconds of a Go duration such as ``"2s"``, ``"1m30s"``, ``"250ms"`` or ``"0"``."""
    bare = text.strip()
    if bare == "0":
        return 0.0
    total, position = 0.0, 0
    while match := _PART.match(bare, position):
        total += float(match.group(1)) * _UNITS[match.group(2)]
        position = match.end()
    if not bare or position != len(bare):
        raise ConfigError(f'{name}: "{text}" is not a duration such as 2s or 500ms')
    return total


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


def read_yaml(path: str | Path) -> Source:
    """Settings from a file of etcd's clientv3 YAML form. Durations are whole nanoseconds or Go durations ("2s").

    Unless ``insecure-transport`` is true TLS is used for every endpoint that does not say ``http://``.
    """
    import yaml

    try:
        with Path(path).open("rb") as handle:
            data = handle.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"the file {str(path)!r} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise ConfigError(f"the file {str(path)!r} is larger than {MAX_FILE} bytes")
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise ConfigError(f"the file {str(path)!r} is not YAML{where}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"the file {str(path)!r} must hold a mapping of settings")
    return _from_mapping(content)


def _from_mapping(content: dict[Any, Any]) -> Source:
    source = Source()
    tls: dict[str, Any] = {}
    alias: str | None = None
    plain = False
    for key, value in content.items():
        name = str(key).lower()
        if value is None:
            continue
        if name in _YAML_OPTIONS:
            option, read = _YAML_OPTIONS[name]
            source.options[option] = read(value, str(key))
        elif name in _YAML_TLS:
            tls[_YAML_TLS[name]] = _text(value, str(key))
        elif name == "ca-file":
            alias = _text(value, str(key))
        elif name == "insecure-transport":
            plain = _bool(value, str(key))
        elif name == "insecure-skip-tls-verify":
            tls["insecure_skip_verify"] = _bool(value, str(key))
        else:
            raise ConfigError(f"{key}: there is no such setting")
    if alias:
        tls.setdefault("ca_file", alias)
    source.tls = None if plain else {key: value for key, value in tls.items() if value != ""}
    if not source.options.get("username") and not source.options.get("password"):
        source.options.pop("username", None)
        source.options.pop("password", None)
    return source


def _span(value: Any, name: str) -> float:
    if isinstance(value, str):
        return duration(value, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} must be whole nanoseconds or a duration such as 2s")
    return value / 1e9


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ConfigError(f"{name} must be a list of texts")
    return tuple(value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be text")
    return value


def _bool(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false")
    return value


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} must be a whole number")
    return value


def _fraction(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{name} must be a number")
    return float(value)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ConfigError(f'{name}: "{text}" is not a whole number')
    return int(text)


def _flag(text: str, name: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in _TRUE | _FALSE:
        raise ConfigError(f'{name}: "{text}" is neither true nor false')
    return lowered in _TRUE


_YAML_OPTIONS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "endpoints": ("endpoints", _texts),
    "auto-sync-interval": ("auto_sync_interval", _span),
    "dial-timeout": ("dial_timeout", _span),
    "dial-keep-alive-time": ("keepalive_time", _span),
    "dial-keep-alive-timeout": ("keepalive_timeout", _span),
    "permit-without-stream": ("permit_without_stream", _bool),
    "maxcallsendmsgsize": ("max_request_bytes", _count),
    "maxcallrecvmsgsize": ("max_recv_bytes", _count),
    "username": ("username", _text),
    "password": ("password", _text),
    "token": ("token", _text),
    "reject-old-cluster": ("reject_old_cluster", _bool),
    "max-unary-retries": ("max_unary_retries", _count),
    "backoff-wait-between": ("backoff_wait_between", _span),
    "backoff-jitter-fraction": ("backoff_jitter_fraction", _fraction),
}
_YAML_TLS = {"cert-file": "cert_file", "key-file": "key_file", "trusted-ca-file": "ca_file"}
