"""Streams on which only the server speaks: repeated until the first message came, final afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from etcdtui.client._transport.calls import Calls, StreamCall
from etcdtui.client._transport.retry import Action, Backoff, decide
from etcdtui.client._wire.grpc_errors import Failure
from etcdtui.client._wire.methods import Effect, Method
from etcdtui.core import errors as e

Req = TypeVar("Req")
Resp = TypeVar("Resp")


async def messages(
    caller: Calls, method: Method[Req, Resp], request: Req, *, endpoint: str | None = None
) -> AsyncGenerator[Resp, None]:
    """All messages of one server stream; closing the iterator ends the stream."""
    stream, message = await _first(caller, method, request, endpoint)
    try:
        while message is not None:
            yield message
            message = await stream.read()
    finally:
        stream.cancel()


async def _first(
    caller: Calls, method: Method[Req, Resp], request: Req, endpoint: str | None
) -> tuple[StreamCall[Req, Resp], Resp | None]:
    options = caller.options
    loop = asyncio.get_running_loop()
    until = loop.time() + options.command_timeout if options.command_timeout else float("inf")
    backoff = Backoff(len(caller.endpoints), options.backoff_wait_between, options.backoff_jitter_fraction)
    avoid: set[str] = set()
    logins = attempts = 0
    while True:
        stream = await caller.open_stream(
            method, request=request, endpoint=endpoint, avoid=avoid, fresh_token=logins > 0
        )
        try:
            return stream, await stream.read()
        except e.EtcdError as error:
            stream.cancel()
            attempts += 1
            step = decide(Failure(error), Effect.READ, can_login=logins == 0, logins=logins, retry_writes=False)
            if step is Action.LOGIN:
                logins += 1
                continue
            pause = backoff.next_pause()
            spent = attempts >= max(1, options.max_unary_retries) or loop.time() + pause >= until
            if step is Action.RAISE or endpoint is not None or spent:
                error.applied = "no"
                raise
            avoid.add(stream.endpoint)
            if isinstance(error, e.LearnerRefused) and avoid.issuperset(caller.endpoints):
                raise
            if avoid.issuperset(caller.endpoints):
                avoid.clear()
            await asyncio.sleep(pause)
        except BaseException:
            stream.cancel()
            raise
