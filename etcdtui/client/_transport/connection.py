"""One endpoint's gRPC channel: made when first needed, its call objects cached, the calls in flight known."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, TypeVar

import grpc
import grpc.aio

from etcdtui.client._transport.channels import insecure_channel, secure_channel
from etcdtui.client._transport.relay import Relay
from etcdtui.client._transport.shelter import Shelter
from etcdtui.client._transport.tls import TlsMaterial, file_signature, load_material
from etcdtui.client._transport.tls_pin import Pin, fetch_pin
from etcdtui.client._transport.tls_probe import client_context
from etcdtui.client._wire.endpoints import Endpoint
from etcdtui.client._wire.methods import TXN, Kind, Method
from etcdtui.client._wire.txn_writes import is_read_only
from etcdtui.client.options import ClientOptions
from etcdtui.core.errors import ClosedError

__all__ = ["Abortable", "Connection", "Metadata"]

Req = TypeVar("Req")
Resp = TypeVar("Resp")
Metadata = tuple[tuple[str, str], ...]


class Cancellable(Protocol):
    """A unary call in flight, or the answer of one that goes on without its caller."""

    def cancel(self) -> object: ...


class Abortable(Protocol):
    """A stream that can be ended from below because its member fell silent."""

    def abort(self) -> None: ...


class Connection:
    """``pending`` holds unary calls in flight and whether each may be repeated; ``evicted`` those that were cancelled
    to be tried elsewhere; ``answers`` counts messages received; ``greeted`` is true once a probe was answered,
    ``fragile`` once one told a version that must not have read-only transactions broken off, ``hasty`` one that tells
    the progress of watches too early. ``rtt`` is the last round trip measured in seconds, 0 before; ``pin`` what an
    unchecked member showed first."""

    def __init__(self, endpoint: Endpoint, options: ClientOptions, material: TlsMaterial | None) -> None:
        self.endpoint = endpoint
        self.name = endpoint.text
        self.material = material
        self.pending: dict[Cancellable, bool] = {}
        self.evicted: set[Cancellable] = set()
        self.streams: set[Abortable] = set()
        self.answers = 0
        self.member_id = 0
        self.greeted = False
        self.fragile = False
        self.hasty = False
        self.rtt = 0.0
        self.pin: Pin | None = None
        self._relay: Relay | None = None
        self.shelter = Shelter()
        self._options = options
        self._channel: grpc.aio.Channel | None = None
        self._calls: dict[Method[Any, Any], Any] = {}
        self._closed = False
        self._idle = asyncio.Event()

    @property
    def secure(self) -> bool:
        return self.material is not None

    def ready(self) -> bool:
        """Whether a connection stands right now (cheap, no I/O)."""
        return self._channel is not None and self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def open(self, timeout: float) -> None:
        """Makes the channel; with pinning this asks the member for its certificate first."""
        if self._closed:
            raise ClosedError()
        if self._channel is not None:
            return
        if self.material is None:
            self._channel = insecure_channel(self.endpoint, self._options)
            return
        material, roots, override = self.material, self.material.ca, self.material.server_name
        if material.pin:
            pin = self.pin or await fetch_pin(self.endpoint, material, timeout)
            if self._closed:
                raise ClosedError()
            self.pin = pin
            roots, override = pin.root, pin.name
            if pin.is_odd and self._channel is None:
                await self._open_relay(material, pin)
                return
        elif not override and (self.endpoint.path or self.endpoint.via):
            override = self.endpoint.server_name
        if self._channel is None:
            self._channel = secure_channel(
                self.endpoint, self._options, roots=roots, cert=material.cert, key=material.key, name_override=override
            )

    async def _open_relay(self, material: TlsMaterial, pin: Pin) -> None:
        context = client_context(material, verify=False)
        relay = self._relay = Relay(
            self.endpoint, context, material.server_name or self.endpoint.server_name, pin.digest
        )
        path = await relay.start()
        if self._closed:
            await relay.aclose()
            raise ClosedError()
        if self._channel is None:
            self._channel = insecure_channel(self.endpoint, self._options, relay=path)

    async def reload_if_changed(self) -> bool:
        """After a failure: takes new certificate files, if they changed, with a new channel.

        A pin is never renewed: a member that shows another certificate stays refused by this client.
        """
        tls = self._options.tls
        if self.material is None or file_signature(tls) == self.material.signature:
            return False
        self.material = load_material(tls)
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.aclose()
        channel, self._channel = self._channel, None
        self._calls.clear()
        if channel is not None:
            await channel.close()
        return True

    def call_for(self, method: Method[Req, Resp]) -> Any:
        """gRPC's callable for ``method``; ``open`` must have run."""
        found = self._calls.get(method)
        if found is not None:
            return found
        if self._channel is None or self._closed:
            raise ClosedError()
        make = {
            Kind.UNARY: self._channel.unary_unary,
            Kind.SERVER_STREAM: self._channel.unary_stream,
            Kind.BIDI: self._channel.stream_stream,
        }[method.kind]
        found = self._calls[method] = make(
            method.path, request_serializer=method.encode, response_deserializer=method.decode
        )
        return found

    def send(self, method: Method[Req, Resp], request: Req, timeout: float, metadata: Metadata | None) -> Any:
        """Sends a unary request; what comes back is awaited for the answer and can be cancelled. 0: no deadline."""
        if self.fragile and method.path == TXN.path and is_read_only(request):  # type: ignore[arg-type]  # by its path
            self.shelter.admit(self.name)
            call = self.call_for(method)(request, metadata=metadata)
            return self.shelter.take(call, timeout, self.name)
        return self.call_for(method)(request, timeout=timeout or None, metadata=metadata)

    def evict(self) -> None:
        """Ends what waits for this silent member, so that it is tried on another one."""
        for call, repeatable in tuple(self.pending.items()):
            if repeatable:
                self.evicted.add(call)
                call.cancel()
        for stream in tuple(self.streams):
            stream.abort()

    def ended(self, call: Cancellable) -> None:
        """A call of ``pending`` is over."""
        del self.pending[call]
        self.evicted.discard(call)
        if self._closed and not self.pending:
            self._idle.set()

    async def drain(self, grace: float) -> None:
        """Closes after the calls in flight, which get ``grace`` seconds; at once when cancelled."""
        self._closed = True
        try:
            if self.pending:
                async with asyncio.timeout(grace):
                    await self._idle.wait()
        except TimeoutError:
            pass
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Ends everything on the channel now; sheltered transactions get a moment to end by themselves."""
        self._closed = True
        channel, self._channel = self._channel, None
        self._calls.clear()
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.aclose()
        if channel is None:
            return
        try:
            if self.shelter.busy:
                for call in tuple(self.pending):
                    call.cancel()
                for stream in tuple(self.streams):
                    stream.abort()
                await self.shelter.drain()
        finally:
            await channel.close()
            await self.shelter.gone()
