"""The YAML file of etcd's own client configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from etcdtui.client._sources.source import Source, duration
from etcdtui.core.errors import ConfigError

MAX_FILE = 1024 * 1024
"""Bytes of a configuration file."""


def read_yaml(path: str | Path) -> Source:
    """Settings from a file of etcd's clientv3 YAML form. Durations are whole nanoseconds or Go durations ("2s").

    Unless ``insecure-transport`` is true TLS is used for every endpoint that does not say ``http://``.
    """
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
