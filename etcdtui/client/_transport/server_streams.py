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
    caller: Calls,
    method: Method[Req, Resp],
    request: Req,
    *,
    endpoint: str | None = None,
    timeout: float | None = None,
) -> AsyncGenerator[Resp, None]:
    """All messages of one server stream; closing the iterator ends the stream.

    ``timeout`` is for all of it, from the first message asked for to the last one that came (0: no limit); ``None``
    bounds only the finding of a member, by the command timeout. What the reader does between two messages counts.
    """
    until = asyncio.get_running_loop().time() + timeout if timeout else None
    stream: StreamCall[Req, Resp] | None = None
    try:
        async with asyncio.timeout_at(until):
            stream, message = await _first(caller, method, request, endpoint, timeout)
        while message is not None:
            yield message
            async with asyncio.timeout_at(until):
                message = await stream.read()
    except TimeoutError:
        where = stream.endpoint if stream is not None else endpoint or ""
        raise e.DeadlineExceeded(f"the stream had not ended after {timeout or 0:g} s", endpoint=where) from None
    finally:
        if stream is not None:
            stream.cancel()


async def _first(
    caller: Calls, method: Method[Req, Resp], request: Req, endpoint: str | None, timeout: float | None
) -> tuple[StreamCall[Req, Resp], Resp | None]:
    options = caller.options
    loop = asyncio.get_running_loop()
    limit = options.command_timeout if timeout is None else timeout
    until = loop.time() + limit if limit else float("inf")
    backoff = Backoff(len(caller.endpoints), options.backoff_wait_between, options.backoff_jitter_fraction)
    avoid: set[str] = set()
    logins = attempts = 0
    while True:
        stream = await caller.open_stream(
            method, request=request, endpoint=endpoint, avoid=avoid, fresh_token=logins > 0, timeout=timeout
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
