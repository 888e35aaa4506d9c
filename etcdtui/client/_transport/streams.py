"""One open gRPC stream, with failures as ``core.errors`` and an end that never hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import grpc.aio

from etcdtui.client._transport.connection import Connection
from etcdtui.client._transport.failures import failure_of
from etcdtui.core import errors as e

__all__ = ["Stream"]

Req = TypeVar("Req")
Resp = TypeVar("Resp")


class Stream(Generic[Req, Resp]):
    """``read`` gives ``None`` at a clean end. Cancelling a pending ``read`` ends the whole stream, as gRPC does.

    ``check`` sees each message before it is sent, and raises to stop it. ``ended`` is told once how the stream ended:
    code, error, messages sent and received.
    """

    def __init__(
        self,
        call: Any,
        connection: Connection,
        check: Callable[[Req], None],
        closing: Callable[[], bool],
        lost: Callable[[], None],
        ended: Callable[[str, e.EtcdError | None, int, int], None],
    ) -> None:
        self._call = call
        self._check = check
        self._connection = connection
        self._closing = closing
        self._lost = lost
        self._report: Callable[[str, e.EtcdError | None, int, int], None] | None = ended
        self.sent = 0
        self.received = 0
        self._aborted = False
        self.endpoint = connection.name
        connection.streams.add(self)
        call.add_done_callback(self._done)

    @property
    def hasty(self) -> bool:
        """Whether the server tells the progress of watches too early."""
        return self._connection.hasty

    async def read(self) -> Resp | None:
        """The next message; ``None`` when the server ended the stream well."""
        try:
            message = await self._call.read()
        except asyncio.CancelledError:
            raise self._cancelled() from None
        except Exception as error:  # noqa: BLE001 - failure_of re-raises what is not gRPC's
            raise await self._mapped(error) from None
        if message is grpc.aio.EOF:
            self._over("OK")
            return None
        self._connection.answers += 1
        self.received += 1
        return message  # type: ignore[no-any-return]  # gRPC's stubs leave the message type open

    async def write(self, request: Req) -> None:
        self._check(request)
        try:
            await self._call.write(request)
        except asyncio.CancelledError:
            raise self._cancelled() from None
        except asyncio.InvalidStateError:
            raise await self._ended() from None
        except Exception as error:  # noqa: BLE001 - failure_of re-raises what is not gRPC's
            raise await self._mapped(error) from None
        self.sent += 1

    async def done_writing(self) -> None:
        try:
            await self._call.done_writing()
        except asyncio.CancelledError:
            raise self._cancelled() from None
        except asyncio.InvalidStateError:
            return
        except Exception as error:  # noqa: BLE001 - failure_of re-raises what is not gRPC's
            raise await self._mapped(error) from None

    def cancel(self) -> None:
        """Ends the stream at once, without waiting."""
        self._over("CANCELLED")
        self._connection.streams.discard(self)
        self._call.cancel()

    def abort(self) -> None:
        """Ends the stream because its member is gone; a pending ``read`` raises ``Unavailable``."""
        self._aborted = True
        self.cancel()

    def _over(self, code: str, error: e.EtcdError | None = None) -> None:
        report, self._report = self._report, None
        if report is not None:
            report(code, error, self.sent, self.received)

    def _done(self, _: object) -> None:
        self._connection.streams.discard(self)

    def _cancelled(self) -> BaseException:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return asyncio.CancelledError()
        if self._aborted and not self._closing():
            return e.Unavailable("the member stopped answering", endpoint=self.endpoint, code="UNAVAILABLE")
        return e.ClosedError(endpoint=self.endpoint)

    async def _ended(self) -> BaseException:
        """The status of a call that is over already."""
        if self._call.cancelled():
            return self._cancelled()
        code, details = await self._call.code(), await self._call.details()
        if code is grpc.StatusCode.OK:
            self._over("OK")
            return e.Unavailable("the server ended the stream", endpoint=self.endpoint, code="OK")
        return await self._mapped(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details))

    async def _mapped(self, error: Exception) -> BaseException:
        failure = failure_of(error, self.endpoint)
        failure.error.applied = "no"  # nothing is written by what etcd streams
        if isinstance(failure.error, e.Unavailable) and not failure.from_server:
            self._lost()
        self._over(failure.error.code or "UNKNOWN", failure.error)
        return failure.error
