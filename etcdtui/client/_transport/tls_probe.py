"""One plain ``ssl`` handshake that tells the true reason of a failed connection; gRPC hides most of them."""

from __future__ import annotations

import asyncio
import ssl
import tempfile

from etcdtui.client._transport.tls import TlsMaterial
from etcdtui.client._wire.endpoints import Endpoint

_LATE_ALERT_WAIT = 0.5
"""Seconds; TLS 1.3 servers refuse a client certificate only after the handshake."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_REASONS = {
    "CERTIFICATE_REQUIRED": "the server requires a client certificate (cert and key)",
    "UNKNOWN_CA": "the server does not know the CA of the client certificate",
    "CERTIFICATE_EXPIRED": "the client certificate has expired",
    "BAD_CERTIFICATE": "the server requires a client certificate it trusts (none or an unacceptable one was given)",
    "CERTIFICATE_UNKNOWN": "the server does not accept the client certificate",
    "UNSUPPORTED_CERTIFICATE": "the client certificate is not meant for client use",
    "HANDSHAKE_FAILURE": "the server refused the handshake (often: it requires a client certificate)",
    "PROTOCOL_VERSION": "client and server share no TLS version",
}
_VERIFY = {
    9: "the server's certificate is not yet valid; check the clocks",
    10: "the server's certificate has expired",
    18: "the server's certificate is self-signed and not among the trusted CAs",
    19: "the server's certificate is signed by a CA that is not trusted (wrong CA file?)",
    20: "the server's certificate is signed by a CA that is not trusted (wrong CA file?)",
    21: "the server's certificate cannot be traced to a trusted CA",
    62: "the server's certificate is not valid for the name",
    64: "the server's certificate is not valid for the address",
}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def client_context(material: TlsMaterial | None, *, verify: bool, alpn: str = "h2") -> ssl.SSLContext:
    """A context that behaves as gRPC would with ``material``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([alpn])
    if verify and material is not None and material.ca:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=_only_certificates(material.ca))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if material is not None and material.cert and material.key:
        _load_pair(context, material.cert, material.key)
    return context


async def open_tls(endpoint: Endpoint, context: ssl.SSLContext | None, name: str) -> Streams:
    server_name = name if context is not None else None
    if endpoint.path:
        return await asyncio.open_unix_connection(endpoint.path, ssl=context, server_hostname=server_name)
    return await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context, server_hostname=server_name)


async def explain_tls(endpoint: Endpoint, material: TlsMaterial, timeout: float) -> str | None:
    """Why a TLS connection to ``endpoint`` fails, as a sentence; ``None`` when TLS is not the reason. Seconds."""
    context = client_context(material, verify=not material.pin)
    name = material.server_name or endpoint.server_name
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await open_tls(endpoint, context, name)
            try:
                async with asyncio.timeout(_LATE_ALERT_WAIT):
                    await reader.read(1)
            except TimeoutError:
                return None
            finally:
                writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        return _verify_text(error, name)
    except ssl.SSLError as error:
        return await _alert_text(endpoint, error, timeout)
    except ConnectionRefusedError:
        return None
    except (ConnectionError, EOFError):
        return "the server speaks plaintext; use http:// or no TLS options" if await _plaintext(endpoint) else None
    except (OSError, TimeoutError):
        return None
    return None


async def explain_plain(endpoint: Endpoint, timeout: float) -> str | None:
    """For a plaintext endpoint that closes the connection: a sentence if it speaks TLS, else ``None``. Seconds."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await open_tls(endpoint, client_context(None, verify=False), endpoint.server_name)
            writer.transport.abort()
    except ssl.SSLError as error:
        if "ALERT" not in (error.reason or ""):
            return None
    except (OSError, TimeoutError, EOFError):
        return None
    return "the server speaks TLS; use https:// and give its CA"


async def _alert_text(endpoint: Endpoint, error: ssl.SSLError, timeout: float) -> str | None:
    reason = (error.reason or "").upper()
    for mark, sentence in _REASONS.items():
        if mark in reason:
            return sentence
    if any(mark in reason for mark in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF", "RECORD_LAYER", "HTTP_REQUEST")):
        async with asyncio.timeout(timeout):
            if await _plaintext(endpoint):
                return "the server speaks plaintext; use http:// or no TLS options"
        return "the peer does not speak TLS"
    return f"the handshake failed: {reason.replace('_', ' ').lower()}" if reason else None


async def _plaintext(endpoint: Endpoint) -> bool:
    """Whether the peer answers an HTTP/2 preface in the clear."""
    try:
        async with asyncio.timeout(_LATE_ALERT_WAIT):
            reader, writer = await open_tls(endpoint, None, "")
            try:
                writer.write(_PREFACE)
                head = await reader.readexactly(9)
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, EOFError):
        return False
    return head[3] == 4


def _verify_text(error: ssl.SSLCertVerificationError, name: str) -> str:
    sentence = _VERIFY.get(error.verify_code)
    if error.verify_code in (62, 64):
        return f'{sentence} "{name}"'
    return sentence or f"the server's certificate was not accepted: {error.verify_message}"


def _only_certificates(pem: bytes) -> str:
    return pem.decode("ascii", "ignore")


def _load_pair(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    """``ssl`` reads pairs from files only: a private one that exists for this moment."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(cert.rstrip() + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)
