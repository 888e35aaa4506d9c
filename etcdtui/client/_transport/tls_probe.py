"""One plain ``ssl`` handshake that tells the true reason of a failed connection; gRPC hides most of them."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import tempfile

from etcdtui.client import _certificates
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
_BAD_SIGNATURE, _NOT_YET, _EXPIRED, _SELF_SIGNED, _UNKNOWN_ROOT, _UNKNOWN_ISSUER, _NO_CHAIN = 7, 9, 10, 18, 19, 20, 21
_WRONG_NAME, _WRONG_ADDRESS = 62, 64
"""Codes of OpenSSL's verification."""
_PEER_HEADER = b"x-etcd-cluster-id"
_ANSWER = 4096
_FEW = 64 * 1024
"""Bytes of trusted CAs that are looked at one by one; more is a bundle of public roots."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def client_context(material: TlsMaterial | None, *, verify: bool, alpn: str = "h2") -> ssl.SSLContext:
    """A context that behaves as gRPC would with ``material``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([alpn])
    if verify and material is not None and material.ca:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.hostname_checks_common_name = False
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
    host, port = endpoint.dialled
    return await asyncio.open_connection(host, port, ssl=context, server_hostname=server_name)


async def explain_tls(
    endpoint: Endpoint, material: TlsMaterial, timeout: float, *, pinned: bytes | None = None
) -> str | None:
    """Why a TLS connection to ``endpoint`` fails, as a sentence; ``None`` when TLS is not the reason. Seconds.

    ``pinned`` is the SHA-256 of the only certificate that is accepted.
    """
    context = client_context(material, verify=not material.pin)
    name = material.server_name or endpoint.server_name
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await open_tls(endpoint, context, name)
            try:
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
                if pinned is not None and hashlib.sha256(shown).digest() != pinned:
                    return _changed(pinned, shown)
                async with asyncio.timeout(_LATE_ALERT_WAIT):
                    await reader.read(1)
            except TimeoutError:
                return None
            finally:
                writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        return await _verify_text(error, name, endpoint, material, timeout)
    except ssl.SSLError as error:
        return await _alert_text(endpoint, error, timeout)
    except ConnectionRefusedError:
        return None
    except (ConnectionError, EOFError):
        return "the server speaks plaintext; use http:// or no TLS options" if await _plaintext(endpoint) else None
    except (OSError, TimeoutError):
        return None
    return None


async def shown_certificates(endpoint: Endpoint, material: TlsMaterial | None, timeout: float) -> tuple[bytes, ...]:
    """The chain that the server sends, leaf first, in DER, not judged; empty when it cannot be had. Seconds."""
    name = (material.server_name if material is not None else "") or endpoint.server_name
    try:
        async with asyncio.timeout(timeout):
            _, writer = await open_tls(endpoint, client_context(material, verify=False), name)
    except (OSError, TimeoutError, EOFError):
        return ()
    try:
        tls = writer.get_extra_info("ssl_object")
        told = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # public since Python 3.13
        chain = told.get_unverified_chain() or ()
        sent = [one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain]
        return tuple(sent) or (tls.getpeercert(binary_form=True),)
    except (AttributeError, ValueError):
        return ()
    finally:
        writer.transport.abort()


async def explain_protocol(endpoint: Endpoint, material: TlsMaterial | None, timeout: float) -> str | None:
    """What answers there when it is not gRPC: another port of etcd's, or an HTTP/1 server; ``None`` else. Seconds."""
    try:
        async with asyncio.timeout(timeout):
            if await spoken(endpoint, material) in ("HTTP/2", ""):
                return None
            told = await _asked(endpoint, material, "/members")
            if _PEER_HEADER in told.lower():
                return "this is etcd's peer port; clients have their own, usually 2379 (--listen-client-urls)"
            if b"etcd_server" in await _asked(endpoint, material, "/metrics"):
                return "this is etcd's port for metrics; clients have their own, usually 2379 (--listen-client-urls)"
    except (OSError, TimeoutError, EOFError):
        return None
    if not told.startswith(b"HTTP/"):
        return "something answers there that is no etcd: look at the port, or at the proxy in between"
    return "an HTTP/1 server answers there, not etcd: look at the port, or at the proxy in between"


async def spoken(endpoint: Endpoint, material: TlsMaterial | None) -> str:
    """``HTTP/2``, ``HTTP/1``, ``other`` or nothing: how the server answers to the first bytes of HTTP/2."""
    reader, writer = await _opened(endpoint, material, "h2")
    try:
        writer.write(_PREFACE)
        head = await reader.readexactly(9)
    except asyncio.IncompleteReadError as cut:
        head = cut.partial
    finally:
        writer.transport.abort()
    if head.startswith(b"HTTP/"):
        return "HTTP/1"
    return "HTTP/2" if len(head) == 9 and head[3] == 4 else "other" if head else ""


async def _opened(endpoint: Endpoint, material: TlsMaterial | None, alpn: str) -> Streams:
    context = None if material is None else client_context(material, verify=False, alpn=alpn)
    name = (material.server_name if material is not None else "") or endpoint.server_name
    return await open_tls(endpoint, context, name)


async def _asked(endpoint: Endpoint, material: TlsMaterial | None, path: str) -> bytes:
    """The beginning of the answer to a plain ``GET``."""
    reader, writer = await _opened(endpoint, material, "http/1.1")
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {endpoint.address}\r\n\r\n".encode())
        told = b""
        while len(told) < _ANSWER * 16 and (more := await reader.read(_ANSWER)):
            told += more
        return told
    finally:
        writer.transport.abort()


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


async def _verify_text(
    error: ssl.SSLCertVerificationError, name: str, endpoint: Endpoint, material: TlsMaterial, timeout: float
) -> str:
    """The reason with everything an operator compares: whom the certificate names, until when, its fingerprint."""
    sent = await shown_certificates(endpoint, material, timeout)
    try:
        leaf = _certificates.facts_of(sent[0])
        trusted = _certificates.facts_of_all(material.ca) if len(material.ca) < _FEW else ()
        last = _certificates.facts_of(sent[-1])
    except (ValueError, IndexError):
        return f"the server's certificate was not accepted: {error.verify_message}"
    code, shown = error.verify_code, f" (it shows {leaf.words})"
    if code in (_WRONG_NAME, _WRONG_ADDRESS):
        if not leaf.names:
            return (
                f'the server\'s certificate names "{leaf.common_name}" as common name only, which does not count: it'
                f" needs subject alternative names{shown}"
            )
        what = "name" if code == _WRONG_NAME else "address"
        first, listed = leaf.names[0], ", ".join(leaf.names)
        return (
            f'the server\'s certificate is not valid for the {what} "{name}", only for {listed}: use one'
            f" of them, or tls.server_name: {first}{shown}"
        )
    if code == _NOT_YET:
        return f"the server's certificate is not yet valid; check the clocks{shown}"
    if code == _EXPIRED:
        return f"the server's certificate has expired{shown}"
    if code == _SELF_SIGNED:
        return f"the server's certificate is self-signed and not among the trusted CAs{shown}"
    if code not in (_BAD_SIGNATURE, _UNKNOWN_ROOT, _UNKNOWN_ISSUER, _NO_CHAIN):
        return f"the server's certificate was not accepted: {error.verify_message}{shown}"
    held = "; ".join(dict.fromkeys(one.subject for one in trusted[:3])) + (" ..." if len(trusted) > 3 else "")
    trusts = f'trusted is "{held}"' if trusted else "trusted are the roots of this machine"
    untrusted = f'the server\'s certificate is signed by a CA that is not trusted: "{last.issuer}"; {trusts}'
    if any(one.subject == last.issuer for one in trusted):
        return f"{untrusted}, which has the same name and another key: the CA was made anew{shown}"
    if len(sent) > 1:
        return f"{untrusted}: wrong CA file{shown}"
    return (
        f'{untrusted}. The server sends no intermediate certificate: if "{last.issuer}" is one, have the server send'
        f" its chain, or add it to the CA file; if not, it is the wrong CA file{shown}"
    )


def _changed(pinned: bytes, shown: bytes) -> str:
    now = _certificates.fingerprint_of(hashlib.sha256(shown).digest())
    try:
        about = f" (it shows {_certificates.facts_of(shown).words})"
    except ValueError:
        about = ""
    return (
        "the server shows another certificate than at the first connection: SHA-256"
        f" {_certificates.fingerprint_of(pinned)} before, {now} now. If that is right,"
        f" connect anew to accept it (P, enter){about}"
    )


def _only_certificates(pem: bytes) -> str:
    return pem.decode("ascii", "ignore")


def _load_pair(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    """``ssl`` reads pairs from files only: a private one that exists for this moment."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(cert.rstrip() + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)
