"""One connection taken apart: name, TCP, TLS, HTTP/2, each with its time, and the reason where it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

from etcdtui.client import _certificates
from etcdtui.client._certificates.facts import CertFacts as CertFacts
from etcdtui.client._transport.channels import endpoint_of
from etcdtui.client._transport.tls import TlsMaterial, load_material
from etcdtui.client._transport.tls_probe import (
    explain_plain,
    explain_protocol,
    explain_tls,
    shown_certificates,
    spoken,
)
from etcdtui.client._wire.endpoints import Endpoint
from etcdtui.client.options import ClientOptions
from etcdtui.core.errors import EtcdError
from etcdtui.core.value import Value

T = TypeVar("T")

ADDRESSES = 4
"""Addresses of a name that are told."""


class ProbeStep(Value):
    """``what`` is DNS, TCP, TLS or HTTP/2; after one that is not ``ok`` none follows. ``todo`` is what mends it.

    ``certificate`` is what the server shows, with TLS.
    """

    what: str
    ok: bool
    words: str
    seconds: float = 0.0
    todo: str = ""
    certificate: CertFacts | None = None


async def probe(options: ClientOptions, where: str, timeout: float) -> AsyncGenerator[ProbeStep, None]:
    """The steps of one endpoint as they are over; ``timeout`` in seconds for each. Raises ``ConfigError`` only."""
    endpoint = endpoint_of(options, where)
    secure = endpoint.uses_tls(options.tls is not None)
    material = load_material(options.tls) if secure else None
    for step in (_resolve, _reach):
        told = await _timed(step(endpoint, timeout))
        if told is not None:
            yield told
            if not told.ok:
                return
    if material is not None:
        told = await _timed(_secure(endpoint, material, timeout))
        yield told
        if not told.ok:
            return
    yield await _timed(_speak(endpoint, material, timeout))


async def _timed(step: Awaitable[T]) -> T:
    began = time.perf_counter()
    told = await step
    if isinstance(told, ProbeStep):
        told.__dict__["seconds"] = time.perf_counter() - began
    return told


async def _resolve(endpoint: Endpoint, timeout: float) -> ProbeStep | None:
    if endpoint.path or endpoint.via or _is_address(endpoint.host):
        return None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return ProbeStep(
            "DNS", False, f"no answer within {timeout:g} s", todo="Look at the resolver (/etc/resolv.conf)."
        )
    except OSError as error:
        words = f"{endpoint.host}: {(error.strerror or str(error)).lower()}"
        return ProbeStep("DNS", False, words, todo="Look at the name and the resolver; a VPN may hold it.")
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    more = f" and {len(addresses) - ADDRESSES} more" if len(addresses) > ADDRESSES else ""
    return ProbeStep("DNS", True, f"{endpoint.host} is {', '.join(addresses[:ADDRESSES])}{more}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def _reach(endpoint: Endpoint, timeout: float) -> ProbeStep:
    through = f" through {endpoint.via}" if endpoint.via else ""
    try:
        async with asyncio.timeout(timeout):
            if endpoint.path:
                _, writer = await asyncio.open_unix_connection(endpoint.path)
            else:
                _, writer = await asyncio.open_connection(*endpoint.dialled)
    except TimeoutError:
        todo = "Packets are dropped on the way: a firewall, a security group, a VPN that is down, or a wrong address."
        return ProbeStep("TCP", False, f"no answer within {timeout:g} s{through}", todo=todo)
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        todo = (
            "Nothing listens there: etcd is down, or the port is wrong."
            if refused
            else "Look at the address and at the way there."
        )
        words = "connection refused" if refused else (error.strerror or str(error)).lower()
        return ProbeStep("TCP", False, f"{words}{through}", todo=todo)
    writer.transport.abort()
    return ProbeStep("TCP", True, f"connected to {endpoint.path or endpoint.address}{through}")


async def _secure(endpoint: Endpoint, material: TlsMaterial, timeout: float) -> ProbeStep:
    why = await explain_tls(endpoint, material, timeout)
    sent = await shown_certificates(endpoint, material, timeout)
    try:
        facts = _certificates.facts_of(sent[0]) if sent else None
    except ValueError:
        facts = None
    if why is not None:
        return ProbeStep("TLS", False, why, certificate=facts)
    if facts is None:
        return ProbeStep("TLS", False, f"no handshake within {timeout:g} s", todo="Something between drops TLS.")
    judged = "NOT CHECKED: " if material.pin else ""
    return ProbeStep("TLS", True, f"{judged}{facts.words}", certificate=facts)


async def _speak(endpoint: Endpoint, material: TlsMaterial | None, timeout: float) -> ProbeStep:
    try:
        async with asyncio.timeout(timeout):
            said = await spoken(endpoint, material)
    except TimeoutError:
        todo = "It accepts connections and stays silent: etcd is frozen or overloaded, or a proxy waits for it."
        return ProbeStep("HTTP/2", False, f"no answer within {timeout:g} s", todo=todo)
    except (OSError, EOFError):
        said = ""
    if said == "HTTP/2":
        return ProbeStep("HTTP/2", True, "the server answers in HTTP/2")
    why = await explain_plain(endpoint, timeout) if material is None else None
    why = why or await explain_protocol(endpoint, material, timeout)
    if why is None:
        todo = "Something between ends it, or the server does not know HTTP/2."
        return ProbeStep("HTTP/2", False, "the connection was closed without an answer", todo=todo)
    return ProbeStep("HTTP/2", False, why)


def own_certificates(options: ClientOptions) -> tuple[tuple[str, CertFacts], ...]:
    """What is ours, each with its role: the client certificate, and the trusted CAs of a file that was given."""
    if options.tls is None:
        return ()
    try:
        material = load_material(options.tls)
        own = [("client certificate", _certificates.facts_of(material.cert))] if material.cert else []
        if options.tls.ca is not None or options.tls.ca_file is not None:
            own += [("CA", one) for one in _certificates.facts_of_all(material.ca)]
    except (EtcdError, ValueError):
        return ()
    return tuple(own)


def address_of(options: ClientOptions, text: str) -> str:
    """``host:port`` of an endpoint, or the path of a socket; raises ``ConfigError``."""
    return endpoint_of(options, text).address
