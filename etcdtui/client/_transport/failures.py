"""What gRPC raises, as our errors: status errors, its misuse errors and its internal ones (which share no base)."""

from __future__ import annotations

import grpc
import grpc.aio

from etcdtui.client._wire.grpc_errors import Failure, classify
from etcdtui.core import errors as e

__all__ = ["failure_of"]


def failure_of(error: BaseException, endpoint: str) -> Failure:
    """The mapped failure; anything that is neither gRPC's nor ours is raised as it is."""
    if isinstance(error, grpc.aio.AioRpcError):
        return classify(error.code().name, error.details() or "", endpoint)
    if isinstance(error, grpc.aio.UsageError):
        return Failure(e.ClosedError(endpoint=endpoint))
    if isinstance(error, grpc.aio.InternalError):
        return Failure(e.ServerError(f"gRPC could not send the request: {error}", endpoint=endpoint, applied="no"))
    if isinstance(error, e.EtcdError):
        return Failure(error, unsent=error.applied == "no")
    raise error
