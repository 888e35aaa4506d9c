"""A gRPC server that answers as told: for refusals that a real etcd gives too rarely to wait for."""

from __future__ import annotations

from collections import Counter, deque
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

import etcdtui.client._transport  # noqa: F401  - sets the environment of gRPC before its import
from etcdtui.pb import rpc_pb2

__all__ = ["FakeEtcd"]

Refusal = tuple[grpc.StatusCode, str]
_HEADER = rpc_pb2.ResponseHeader(cluster_id=1, member_id=1, revision=1, raft_term=1)
_ANSWERS: dict[str, Any] = {
    "/etcdserverpb.KV/Range": rpc_pb2.RangeResponse(header=_HEADER),
    "/etcdserverpb.KV/Put": rpc_pb2.PutResponse(header=_HEADER),
    "/etcdserverpb.KV/Txn": rpc_pb2.TxnResponse(header=_HEADER, succeeded=True),
}


class FakeEtcd(grpc.GenericRpcHandler):
    """Healthy by its Status; other calls are refused with what is in ``script`` while it lasts, or with ``always``.

    ``status`` refuses the Status too. ``calls`` counts requests by the last part of their method.
    """

    def __init__(self, *script: Refusal, always: Refusal | None = None, status: Refusal | None = None) -> None:
        self.status = status
        self.script = deque(script)
        self.always = always
        self.calls: Counter[str] = Counter()
        self.endpoint = ""
        self._server: grpc.aio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        await self._server.stop(None)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        method = handler_call_details.method

        async def answer(request: bytes, context: Any) -> bytes:
            if method.endswith("/Status"):
                if self.status is not None:
                    await context.abort(*self.status)
                return rpc_pb2.StatusResponse(header=_HEADER, version="3.5.1", leader=1).SerializeToString()
            self.calls[method.rsplit("/", 1)[1]] += 1
            refusal = self.script.popleft() if self.script else self.always
            if refusal is not None:
                await context.abort(*refusal)
            if method not in _ANSWERS:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"unknown method {method}")
            message: bytes = _ANSWERS[method].SerializeToString()
            return message

        return grpc.unary_unary_rpc_method_handler(answer)
