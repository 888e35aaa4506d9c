"""Says what is wrong with an endpoint as written, before anything is opened."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

SCHEMES = ("http", "https", "unix", "unixs")
UNIX = ("unix:", "unixs:")
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?\Z")


def endpoint_problem(endpoint: str) -> str:
    """Why this endpoint cannot be used, or an empty string. Credentials in a URL are never repeated."""
    if not endpoint:
        return "an endpoint is empty"
    if any(c.isspace() or not c.isprintable() for c in endpoint):
        return "an endpoint holds a space or a control character"
    if endpoint.startswith(UNIX):
        return "" if endpoint.partition(":")[2].strip("/") else "a unix endpoint names no socket"
    scheme, separator, rest = endpoint.partition("://")
    if not separator:
        return _authority_problem(endpoint, endpoint)
    if scheme not in SCHEMES:
        return f"an endpoint's scheme is not one of {', '.join(SCHEMES)}"
    authority, _, path = rest.partition("/")
    if path or "?" in rest or "#" in rest:
        return "an endpoint must end after the port; a path is not used"
    return _authority_problem(authority, authority)


def _authority_problem(authority: str, shown: str) -> str:
    if "@" in authority:
        return "an endpoint holds a user or password; use auth instead"
    if not authority:
        return "an endpoint names no host"
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket:
            return f"endpoint {shown}: the bracket of the IPv6 address is not closed"
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            return f"endpoint {shown}: this is not an IPv6 address"
        if not port.startswith(":"):
            return f"endpoint {shown}: the port is missing; etcd's is 2379"
        return _port_problem(port[1:], shown)
    if authority.count(":") > 1:
        return f"endpoint {shown}: write an IPv6 address in brackets: [::1]:2379"
    host, colon, port = authority.partition(":")
    if not HOST.match(host):
        return f"endpoint {shown}: this is not a host name or address"
    if not colon or not port:
        return f"endpoint {shown}: the port is missing; etcd's is 2379"
    return _port_problem(port, shown)


def _port_problem(port: str, shown: str) -> str:
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535):
        return f"endpoint {shown}: the port must be a number from 1 to 65535"
    return ""


def is_loopback(endpoint: str) -> bool:
    """True when the endpoint names this machine: a loopback address, ``localhost`` or a unix socket."""
    if endpoint.startswith(UNIX):
        return True
    _, separator, rest = endpoint.partition("://")
    try:
        host = urlsplit(f"//{rest if separator else endpoint}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
