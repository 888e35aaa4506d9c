"""What a member tells over HTTP: ``/metrics``, ``/version``, ``/health`` and ``/readyz``, and the certificates in use.

etcd serves these on its client port beside gRPC, to whoever passes TLS: its users and roles do not count here. Where
``--listen-client-http-urls`` is set they are on another port, and the client port speaks gRPC only.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
import zlib
from collections.abc import Mapping
from types import MappingProxyType

from etcdtui.client import _certificates, _http
from etcdtui.client._transport.channels import endpoint_of
from etcdtui.client._transport.tls import TlsMaterial, file_signature, load_material
from etcdtui.client._transport.tls_pin import fetch_pin
from etcdtui.client._transport.tls_probe import client_context, explain_plain, explain_tls, open_tls
from etcdtui.client._wire.endpoints import Endpoint
from etcdtui.client.options import ClientOptions
from etcdtui.core.errors import ClosedError, EtcdError, TlsError, Unavailable
from etcdtui.core.value import Value

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of one answer, unpacked; etcd's own metrics are below 200 kB."""
AGENT = "etcdtui"
CONNECTIONS = 4
"""At a time to one endpoint; one of them is kept."""
KEEP = 45.0
"""Seconds a connection is kept for the next question."""
NOT_HTTP = (
    "the answer is not HTTP: only gRPC is served here (etcd's --listen-client-http-urls and --listen-metrics-urls"
    " say where HTTP is)"
)


class HttpAnswer(Value):
    """``headers`` by lower-case name; ``began`` and ``ended`` are Unix seconds around question and answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    began: float
    ended: float

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Certificate(Value):
    """A certificate as far as its end matters; ``not_after`` in Unix seconds."""

    subject: str
    not_after: float


class HttpSide:
    """Asks members over HTTP with the TLS of ``options``; connections are made when first asked."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._pools: dict[tuple[str, object], tuple[_http.AsyncConnectionPool, str]] = {}
        self._closed = False

    async def get(self, where: str, path: str, *, timeout: float) -> HttpAnswer:
        """The answer to ``GET path`` at an endpoint or URL (its own path does not count), whatever its status.

        ``timeout`` in seconds counts for all of it. Raises ``Unavailable``, ``TlsError`` or ``ConfigError``.
        """
        endpoint = endpoint_of(self._options, where)
        await asyncio.to_thread(getattr, _http, "FAILURES")  # the first time this imports the library
        try:
            async with asyncio.timeout(timeout):
                return await self._get(endpoint, path, timeout)
        except (EtcdError, asyncio.CancelledError):
            raise
        except (TimeoutError, _http.TimeoutException):
            raise Unavailable(f"no answer over HTTP within {timeout:g} s", endpoint=endpoint.text) from None
        except _http.FAILURES as error:
            raise await self._explained(endpoint, error, timeout) from None

    async def certificate(self, where: str, *, timeout: float) -> Certificate | None:
        """The certificate that the server at ``where`` shows, not judged; ``None`` in plaintext."""
        endpoint = endpoint_of(self._options, where)
        if not endpoint.uses_tls(self._options.tls is not None):
            return None
        context = client_context(load_material(self._options.tls), verify=False)
        try:
            async with asyncio.timeout(timeout):
                _, writer = await open_tls(endpoint, context, endpoint.server_name)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise Unavailable(f"no TLS handshake: {error or 'no answer'}", endpoint=endpoint.text) from None
        try:
            tls = writer.get_extra_info("ssl_object")
            der = tls.getpeercert(binary_form=True) if tls else None
        finally:
            writer.transport.abort()
        if not der:
            raise TlsError("the member shows no certificate", endpoint=endpoint.text)
        return Certificate(*_certificates.subject_and_end(der))

    def own_certificate(self) -> Certificate | None:
        """The client certificate in use; ``None`` when there is none. Reads the files again."""
        material = load_material(self._options.tls) if self._options.tls is not None else None
        if material is None or not material.cert:
            return None
        return Certificate(*_certificates.subject_and_end(material.cert))

    async def aclose(self) -> None:
        """End all connections; safe to repeat."""
        self._closed = True
        pools, self._pools = self._pools, {}
        for pool, _ in pools.values():
            await pool.aclose()

    async def _get(self, endpoint: Endpoint, path: str, timeout: float) -> HttpAnswer:
        pool, name = await self._pool(endpoint, timeout)
        secure = endpoint.uses_tls(self._options.tls is not None)
        host = "localhost" if endpoint.path else endpoint.address
        limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        extensions: dict[str, object] = {"timeout": limits}
        if secure:
            extensions["sni_hostname"] = name
        headers = [("Host", host), ("User-Agent", AGENT), ("Accept-Encoding", "gzip"), ("Accept", "*/*")]
        began = time.time()
        url = f"{'https' if secure else 'http'}://{endpoint.via or host}{path}"
        async with pool.stream("GET", url, headers=headers, extensions=extensions) as response:
            told = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in response.headers}
            unpack = zlib.decompressobj(31) if told.get("content-encoding", "").lower() == "gzip" else None
            body = bytearray()
            async for chunk in response.aiter_stream():
                body += unpack.decompress(chunk, BODY_LIMIT + 1 - len(body)) if unpack else chunk
                if len(body) > BODY_LIMIT:
                    raise Unavailable(f"the answer is longer than {BODY_LIMIT} bytes", endpoint=endpoint.text)
        return HttpAnswer(response.status, MappingProxyType(told), bytes(body), began, time.time())

    async def _pool(self, endpoint: Endpoint, timeout: float) -> tuple[_http.AsyncConnectionPool, str]:
        """Connections to one endpoint, and the name its certificate must have; new ones when TLS files changed."""
        if self._closed:
            raise ClosedError()
        secure = endpoint.uses_tls(self._options.tls is not None)
        key = (endpoint.text, file_signature(self._options.tls) if secure else ())
        if key in self._pools:
            return self._pools[key]
        context, name = await self._trust(endpoint, timeout) if secure else (None, "")
        for old in [known for known in self._pools if known[0] == endpoint.text]:
            await self._pools.pop(old)[0].aclose()
        pool = _http.AsyncConnectionPool(
            ssl_context=context,
            max_connections=CONNECTIONS,
            max_keepalive_connections=1,
            keepalive_expiry=KEEP,
            uds=endpoint.path or None,
        )
        self._pools[key] = (pool, name)
        return self._pools[key]

    async def _trust(self, endpoint: Endpoint, timeout: float) -> tuple[ssl.SSLContext, str]:
        """What gRPC would trust there, pinning included, and the name that is checked."""
        material = load_material(self._options.tls)
        name = material.server_name or endpoint.server_name
        if material.pin:
            pin = await fetch_pin(endpoint, material, timeout)
            material = TlsMaterial(pin.root, material.cert, material.key, pin.name, False)
            name = pin.name
        return client_context(material, verify=True, alpn="http/1.1"), name

    async def _explained(self, endpoint: Endpoint, error: Exception, timeout: float) -> EtcdError:
        """A failed connection as one of ours; TLS reasons come from a handshake of their own."""
        if endpoint.uses_tls(self._options.tls is not None):
            try:
                reason = await explain_tls(endpoint, load_material(self._options.tls), timeout)
            except TimeoutError:
                reason = None
            if reason:
                return TlsError(reason, endpoint=endpoint.text)
        if isinstance(error, _http.RemoteProtocolError):
            reason = None
            if not endpoint.uses_tls(self._options.tls is not None):
                reason = await explain_plain(endpoint, timeout)
            return TlsError(reason, endpoint=endpoint.text) if reason else Unavailable(NOT_HTTP, endpoint=endpoint.text)
        return Unavailable(f"failed to connect: {_words(error)}", endpoint=endpoint.text)


def _words(error: Exception) -> str:
    """The innermost reason: the library wraps the system's words several times."""
    seen: BaseException = error
    while (cause := seen.__cause__ or seen.__context__) is not None:
        seen = cause
    if isinstance(seen, OSError) and seen.errno and not isinstance(seen, ssl.SSLError):
        return os.strerror(seen.errno).lower()
    return str(error) or "the connection was closed"
