"""Trust on first use: the certificate a member shows becomes the only one accepted from it.

The certificate is fetched in one handshake and enforced in the next, so a peer that changes in between is refused.
"""

from __future__ import annotations

import asyncio
import ssl

from etcdtui.client._transport.endpoints import Endpoint
from etcdtui.client._transport.tls import TlsMaterial
from etcdtui.client._transport.tls_probe import client_context, open_tls
from etcdtui.core.errors import TlsError, Unavailable
from etcdtui.core.value import Value


class Pin(Value):
    """``root`` is the member's own certificate as PEM, ``name`` one it is valid for."""

    root: bytes
    name: str


async def fetch_pin(endpoint: Endpoint, material: TlsMaterial, timeout: float) -> Pin:
    """Reads the certificate ``endpoint`` shows, without judging it; seconds."""
    context = client_context(material, verify=False)
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await open_tls(endpoint, context, endpoint.server_name)
    except ssl.SSLError as error:
        raise TlsError(f"no TLS handshake: {error.reason or error}", endpoint=endpoint.text) from None
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"failed to connect: {error or 'no answer'}", endpoint=endpoint.text) from None
    try:
        tls = writer.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls else None
    finally:
        writer.transport.abort()
        del reader
    if not der:
        raise TlsError("the member shows no certificate", endpoint=endpoint.text)
    return Pin(ssl.DER_cert_to_PEM_cert(der).encode(), material.server_name or certificate_name(der, endpoint))


def certificate_name(der: bytes, endpoint: Endpoint) -> str:
    """A name the certificate is valid for: the endpoint's own if listed, else its first, else its common name."""
    from cryptography import x509  # it takes a tenth of a start, and few clusters are pinned
    from cryptography.x509.oid import NameOID

    certificate = x509.load_der_x509_certificate(der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        listed = [*names.get_values_for_type(x509.DNSName)]
        listed += [str(ip) for ip in names.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        listed = []
    if endpoint.server_name in listed:
        return endpoint.server_name
    concrete = [name for name in listed if not name.startswith("*")]
    if concrete:
        return concrete[0]
    if listed:
        return "pinned" + listed[0][1:]
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else endpoint.server_name
