"""All settings of a client, validated when made: a ``ClientOptions`` that exists can be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from etcdtui.client import _sources
from etcdtui.client._wire.endpoints import parse_endpoint, parse_endpoints
from etcdtui.core.errors import ConfigError
from etcdtui.core.value import record

MIN_KEEPALIVE = 10.0
"""Seconds. etcd answers pings closer than 5 s with GOAWAY too_many_pings; a shorter interval is raised to this."""
MAX_MESSAGE = 2**31 - 1


@record()
class TlsOptions:
    """How to trust a server and who we are. Each of CA, certificate and key comes as a file or as PEM bytes.

    Without a CA the system's roots are used. ``insecure_skip_verify`` accepts whatever certificate the member shows at
    the first connection, and only that one from then on. ``passphrase`` opens an encrypted key.
    """

    ca_file: str | Path | None = None
    cert_file: str | Path | None = None
    key_file: str | Path | None = None
    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    passphrase: bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    insecure_skip_verify: bool = False

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            if getattr(self, name) is not None and getattr(self, name + "_file") is not None:
                raise ConfigError(f"tls: {name} is given twice, as bytes and as {name}_file")
            if getattr(self, name + "_file") == "":
                raise ConfigError(f"tls: {name}_file is empty")
        has_cert = self.cert is not None or self.cert_file is not None
        has_key = self.key is not None or self.key_file is not None
        if has_cert != has_key:
            raise ConfigError("tls: a client certificate and its key must be given together")


@record()
class ClientOptions:
    """Settings as in etcd's own client. Durations are seconds, sizes bytes; 0 means "no limit" for the two timeouts,
    "off" for ``keepalive_time`` and ``auto_sync_interval``.

    A ``keepalive_time`` under 10 s is raised to 10 s, as etcd punishes faster pings. A user name with an empty password
    logs in with the empty password, unlike Go's client, which then stays anonymous.
    ``max_unary_retries`` counts all attempts of a call: 0 or 1 switches repeating off. Pauses start at
    ``backoff_wait_between``, double to at most a second, are drawn between nothing and that (full jitter), and vary by
    ``backoff_jitter_fraction`` on top. ``retry_writes`` repeats writes whose fate is unknown.
    ``namespace`` is put before every key sent and taken off every key received; nothing outside of it is reached.
    ``endpoint_map`` says under which address an advertised client URL is reached from here. ``through`` says for a
    ``host:port`` which ``host:port`` is dialled instead, the end of a tunnel: names and certificates stay those of the
    endpoint.
    """

    endpoints: tuple[str, ...] = ("127.0.0.1:2379",)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    tls: TlsOptions | None = None
    dial_timeout: float = 2.0
    command_timeout: float = 5.0
    keepalive_time: float = 10.0
    keepalive_timeout: float = 6.0
    permit_without_stream: bool = False
    auto_sync_interval: float = 0.0
    reject_old_cluster: bool = False
    max_request_bytes: int = 2 * 1024 * 1024
    max_recv_bytes: int = MAX_MESSAGE
    max_unary_retries: int = 100
    backoff_wait_between: float = 0.025
    backoff_jitter_fraction: float = 0.10
    retry_writes: bool = False
    namespace: bytes = b""
    endpoint_map: Mapping[str, str] = field(default_factory=dict)
    through: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given: object = self.endpoints
        if not isinstance(given, (tuple, list)) or not all(isinstance(e, str) for e in given):
            raise ConfigError("endpoints must be a tuple of strings")
        object.__setattr__(self, "endpoints", tuple(e.text for e in parse_endpoints(tuple(self.endpoints))))
        for url, reached in self.endpoint_map.items():
            parse_endpoint(url), parse_endpoint(reached)
        self._check_numbers()
        self._check_credentials()
        if 0 < self.keepalive_time < MIN_KEEPALIVE:
            object.__setattr__(self, "keepalive_time", MIN_KEEPALIVE)

    def _check_numbers(self) -> None:
        for name in (
            "dial_timeout",
            "command_timeout",
            "keepalive_time",
            "keepalive_timeout",
            "auto_sync_interval",
            "backoff_wait_between",
            "backoff_jitter_fraction",
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
                raise ConfigError(f"{name} must be a number of at least 0, not {value!r}")
        if self.backoff_jitter_fraction > 1:
            raise ConfigError(f"backoff_jitter_fraction must be between 0 and 1, not {self.backoff_jitter_fraction!r}")
        if self.keepalive_time > 0 and self.keepalive_timeout <= 0:
            raise ConfigError("keepalive_timeout must be above 0 while keepalive_time is set")
        for name, least in (("max_request_bytes", 1), ("max_recv_bytes", 1), ("max_unary_retries", 0)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MAX_MESSAGE:
                raise ConfigError(f"{name} must be a whole number from {least} to {MAX_MESSAGE}, not {number!r}")
        if self.max_request_bytes > self.max_recv_bytes:
            raise ConfigError(
                f"max_request_bytes ({self.max_request_bytes}) must not exceed max_recv_bytes ({self.max_recv_bytes})"
            )

    def _check_credentials(self) -> None:
        for name in ("username", "password", "token"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"{name} must be text")
        if self.token and (self.username or self.password):
            raise ConfigError("give either a token or a user name with its password, not both")
        if self.password and not self.username:
            raise ConfigError("a password is given without a user name")
        if self.username and self.password is None:
            raise ConfigError("a user name is given without a password (an empty one must be given as such)")
        if self.token and not all(33 <= ord(c) < 127 for c in self.token):
            raise ConfigError("the token has characters that cannot be sent (blanks, line ends or non-ASCII)")

    def reached(self, url: str) -> str:
        """Where an advertised client URL is reached from here: elsewhere, or right there."""
        return self.endpoint_map.get(url, self.endpoint_map.get(url.rstrip("/"), url))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> ClientOptions:
        """Options from etcdctl's ``ETCDCTL_*`` variables, as in ``os.environ``; others of that prefix are ignored."""
        return cls._made(_sources.read_env(environ))

    @classmethod
    def from_yaml(cls, path: str | Path) -> ClientOptions:
        """Options from a file in the form of etcd's own YAML client configuration."""
        return cls._made(_sources.read_yaml(path))

    @classmethod
    def _made(cls, source: _sources.Source) -> ClientOptions:
        tls = None if source.tls is None else TlsOptions(**source.tls)
        return cls(**source.options, tls=tls)
