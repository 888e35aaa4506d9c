"""A gRPC server that keeps every request as it came: what another client really sends."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

import etcdtui.client._transport  # noqa: F401  - sets the environment of gRPC before its import
from etcdtui.pb import rpc_pb2

_HEADER = rpc_pb2.ResponseHeader(cluster_id=1, member_id=1, revision=1, raft_term=1)
_ANSWERS: dict[str, Any] = {
    "KV/Range": rpc_pb2.RangeResponse(header=_HEADER),
    "KV/Put": rpc_pb2.PutResponse(header=_HEADER),
    "KV/DeleteRange": rpc_pb2.DeleteRangeResponse(header=_HEADER),
    "KV/Txn": rpc_pb2.TxnResponse(header=_HEADER, succeeded=True),
}


class Recorder(grpc.GenericRpcHandler):
    """``take`` gives the requests since the last call, as (service and method, bytes). A watch is refused once read."""

    def __init__(self) -> None:
        self.endpoint = ""
        self._requests: list[tuple[str, bytes]] = []
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

    def take(self) -> list[tuple[str, bytes]]:
        taken, self._requests = self._requests, []
        return taken

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        method = handler_call_details.method.removeprefix("/etcdserverpb.")

        async def answer(request: bytes, context: Any) -> bytes:
            self._requests.append((method, request))
            if method not in _ANSWERS:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"unknown method {method}")
            message: bytes = _ANSWERS[method].SerializeToString()
            return message

        async def refuse(requests: Any, context: Any) -> Any:
            async for request in requests:
                self._requests.append((method, request))
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
            yield b""

        if method == "Watch/Watch":
            return grpc.stream_stream_rpc_method_handler(refuse)
        return grpc.unary_unary_rpc_method_handler(answer)
