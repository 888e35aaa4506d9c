"""Trust on first use: the certificate a member shows becomes the only one accepted from it.

The certificate is fetched in one handshake and enforced in the next, so a peer that changes in between is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl

from etcdtui.client import _certificates
from etcdtui.client._transport.tls import TlsMaterial
from etcdtui.client._transport.tls_probe import client_context, open_tls
from etcdtui.client._wire.endpoints import Endpoint
from etcdtui.core.errors import TlsError, Unavailable
from etcdtui.core.value import Value


class Pin(Value):
    """``root`` is the member's own certificate as PEM, ``name`` one it is valid for, ``digest`` its SHA-256.

    ``is_odd`` when gRPC would not accept it even so: it is not valid now, or names nobody.
    """

    root: bytes
    name: str
    digest: bytes = b""
    is_odd: bool = False


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
    facts = _certificates.facts_of(der)
    return Pin(
        ssl.DER_cert_to_PEM_cert(der).encode(),
        material.server_name or _certificates.certificate_name(der, endpoint.server_name),
        hashlib.sha256(der).digest(),
        not (facts.is_valid_now and facts.names),
    )
