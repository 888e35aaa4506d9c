"""Endpoint strings, parsed here because gRPC misreads bad ones (a missing port becomes 443, 99999 becomes 34463).

Accepted: ``host:port``, ``1.2.3.4:2379``, ``[::1]:2379``, the same after ``http://`` or ``https://`` (path, query and
user-info are ignored), ``unix:///abs``, ``unix:/abs``, ``unix://rel``, ``unix:rel`` and ``unixs:`` likewise.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum

from etcdtui.core.errors import ConfigError
from etcdtui.core.value import Value

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST_NAME = re.compile(r"^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$")
_MAX_LENGTH = 2048


class TlsUse(Enum):
    NEVER = "never"
    OPTIONAL = "if TLS options are given"
    REQUIRED = "always"


class Endpoint(Value):
    """One parsed endpoint. ``text`` is the display form without user-info; ``path`` is set for sockets only."""

    text: str
    tls_use: TlsUse
    host: str = ""
    port: int = 0
    path: str = ""
    via: str = ""
    """``host:port`` that is dialled instead: the end of a tunnel."""

    @property
    def target(self) -> str:
        """What gRPC dials."""
        return f"unix:{self.path}" if self.path else self.via or self.address

    @property
    def dialled(self) -> tuple[str, int]:
        """Host and port that are dialled; not for sockets."""
        if not self.via:
            return self.host, self.port
        host, _, port = self.via.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def address(self) -> str:
        """``host:port`` with IPv6 in brackets, or the socket's path."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def server_name(self) -> str:
        """The name a certificate is checked against when no other was configured."""
        return self.path.rsplit("/", 1)[-1] if self.path else self.host

    def uses_tls(self, configured: bool) -> bool:
        return self.tls_use is TlsUse.REQUIRED or (configured and self.tls_use is TlsUse.OPTIONAL)


def parse_endpoint(text: str) -> Endpoint:
    """Parses one endpoint; a ``ConfigError`` says what is wrong with it."""
    given = text.strip()
    if not given:
        raise ConfigError("an endpoint is empty")
    if len(given) > _MAX_LENGTH or any(c.isspace() or not c.isprintable() for c in given):
        raise _bad(given, "it has blanks or control characters, or is too long")
    for scheme, use in (("unixs", TlsUse.REQUIRED), ("unix", TlsUse.OPTIONAL)):
        if given.lower().startswith(scheme + ":"):
            return _socket(given, given[len(scheme) + 1 :], use)
    match = _SCHEME.match(given)
    if match is None:
        host, port = _split(given, given)
        return Endpoint(given, TlsUse.OPTIONAL, host, port)
    scheme = match.group(1).lower()
    if scheme not in ("http", "https"):
        raise _bad(given, f'the scheme "{scheme}" is not one of http, https, unix, unixs')
    authority = re.split(r"[/?#]", given[match.end() :], maxsplit=1)[0].rpartition("@")[2]
    host, port = _split(authority, f"{scheme}://{authority}")
    use = TlsUse.REQUIRED if scheme == "https" else TlsUse.NEVER
    return Endpoint(f"{scheme}://{authority}", use, host, port)


def parse_endpoints(texts: tuple[str, ...] | list[str]) -> tuple[Endpoint, ...]:
    """Parses all, dropping repetitions of the same endpoint; an empty list is a ``ConfigError``."""
    unique: dict[tuple[str, TlsUse], Endpoint] = {}
    for text in texts:
        endpoint = parse_endpoint(text)
        unique.setdefault((endpoint.address, endpoint.tls_use), endpoint)
    if not unique:
        raise ConfigError("no endpoint is given")
    return tuple(unique.values())


def _bad(text: str, reason: str) -> ConfigError:
    return ConfigError(f'endpoint "{text}": {reason}')


def _socket(given: str, rest: str, use: TlsUse) -> Endpoint:
    path = rest.removeprefix("//")
    if not path or path.endswith("/"):
        raise _bad(given, "the path of the socket is missing")
    return Endpoint(given, use, path=path)


def _split(authority: str, shown: str) -> tuple[str, int]:
    if not authority:
        raise _bad(shown, "host and port are missing")
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket:
            raise _bad(shown, "the closing bracket of the IPv6 address is missing")
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise _bad(shown, f'"{host}" is not an IPv6 address') from None
        if rest and not rest.startswith(":"):
            raise _bad(shown, "after the closing bracket only :port may follow")
        return host, _port(rest[1:], shown)
    if authority.count(":") > 1:
        raise _bad(shown, "an IPv6 address must be in brackets, as [::1]:2379")
    host, _, port = authority.partition(":")
    if not host:
        raise _bad(shown, "the host is missing")
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise _bad(shown, f'"{host}" is not an IPv4 address') from None
    elif len(host) > 253 or not _HOST_NAME.match(host):
        raise _bad(shown, f'"{host}" is not a host name')
    return host, _port(port, shown)


def _port(text: str, shown: str) -> int:
    if not text:
        raise _bad(shown, "the port is missing (etcd usually listens on 2379)")
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise _bad(shown, f'"{text}" is not a port (1 to 65535)')
    return int(text)
