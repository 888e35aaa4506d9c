"""Endpoints from DNS: the SRV records that etcd's own tools look for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdtypes.IN.SRV import SRV

from etcdtui.config.schema import Profile
from etcdtui.core.errors import ConfigError, Unavailable

SERVICES: Final = (("etcd-client-ssl", "https"), ("etcd-client", "http"))
"""The service of a record, and the scheme of the endpoint it stands for."""
MAX_ENDPOINTS = 64


def record_name(service: str, suffix: str, domain: str) -> str:
    """The name asked for: ``_etcd-client._tcp.example.org``, with ``-suffix`` behind the service if there is one."""
    return f"_{service}{f'-{suffix}' if suffix else ''}._tcp.{domain.rstrip('.')}"


async def discovered(profile: Profile, resolver: Resolver | None = None) -> Profile:
    """``profile`` with the endpoints its DNS records name, TLS ones first; as it is when it asks for none.

    Without ``insecure_discovery`` plaintext records are left out and certificates are checked against the domain.
    Raises ``Unavailable`` when no record can be had and ``ConfigError`` when none may be used.
    """
    if not profile.discovery_srv:
        return profile
    try:
        asked = resolver or Resolver()
    except DNSException as error:
        raise Unavailable(f"DNS cannot be asked: {error}") from None
    found: list[str] = []
    plain = 0
    failures = []
    for service, scheme in SERVICES:
        name = record_name(service, profile.discovery_srv_name, profile.discovery_srv)
        try:
            answer = await asked.resolve(name, "SRV", lifetime=profile.dial_timeout or 2.0)
        except DNSException as error:
            failures.append(f"{name}: {error}")
            continue
        records = sorted(
            (record for record in answer if isinstance(record, SRV)), key=lambda r: (r.priority, -r.weight, r.port)
        )
        if scheme == "http" and not profile.insecure_discovery:
            plain = len(records)
            continue
        found += [f"{scheme}://{record.target.to_text(omit_final_dot=True)}:{record.port}" for record in records]
    if not found and profile.endpoints:
        return replace(profile, discovery_srv="")  # as etcdctl does: what is given counts where DNS names none
    if not found:
        if plain:
            raise ConfigError(f"DNS names only plaintext endpoints ({plain}), and insecure_discovery is false")
        raise Unavailable("no endpoint found in DNS; " + "; ".join(failures))
    tls = profile.tls
    if not profile.insecure_discovery and not tls.server_name:
        tls = replace(tls, server_name=profile.discovery_srv.rstrip("."))
    return replace(profile, endpoints=tuple(dict.fromkeys(found))[:MAX_ENDPOINTS], tls=tls)
