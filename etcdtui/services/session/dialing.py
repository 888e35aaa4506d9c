"""Who answers at a profile's endpoints and why the others do not, each told as soon as it is known.

Opening a session tells one reason for all of them, and with a login only when its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from etcdtui.client import Client
from etcdtui.config.schema import Auth, Profile
from etcdtui.core.errors import (
    EtcdError,
    NotEtcd,
    NotSupported,
    PermissionDenied,
    TlsError,
    Unauthenticated,
    Unavailable,
)
from etcdtui.core.tasks import awaited
from etcdtui.services.session.session import Credentials, options_of, read_credentials

DEFAULT_TIMEOUT = 2.0
_PLAIN = (
    ("connection refused", "connection refused"),
    ("errors resolving", "name not found"),
    ("dns resolution failed", "name not found"),
    ("no route to host", "no route to host"),
    ("network is unreachable", "network is unreachable"),
    ("connection reset", "connection reset"),
    ("socket closed", "connection closed by the other side"),
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
)
"""Parts of gRPC's words and what they mean."""


def plain_words(error: EtcdError) -> str:
    """The reason in a few words: ``connection refused``, ``name not found``, ``TLS failed: ...``; the server's else."""
    if isinstance(error, (TlsError, NotEtcd)):
        return f"{error.title}: {error.message}"
    said = error.message.lower()
    return next((words for part, words in _PLAIN if part in said), error.message or error.title)


async def ask_endpoints(profile: Profile) -> AsyncGenerator[tuple[str, EtcdError | None], None]:
    """Each endpoint with ``None`` when a server answers there, else with why not, in the order they become known.

    Nobody logs in for it. Raises ``ConfigError`` for endpoints or files that cannot be used at all.
    """
    passphrase = (await read_credentials(replace(profile, auth=Auth()))).passphrase
    client = await Client.open(options_of(profile, Credentials(passphrase=passphrase)))
    limit = profile.dial_timeout or DEFAULT_TIMEOUT

    async def one(endpoint: str) -> tuple[str, EtcdError | None]:
        try:
            async with asyncio.timeout(limit):
                await client.maintenance.status(endpoint, timeout=limit)
        except TimeoutError:
            return endpoint, Unavailable(f"no answer yet ({limit:g} s)", endpoint=endpoint)
        except (PermissionDenied, Unauthenticated, NotSupported):
            return endpoint, None
        except EtcdError as error:
            return endpoint, error
        return endpoint, None

    tasks = [awaited(one(endpoint), f"asking {endpoint}") for endpoint in client.endpoints]
    try:
        for answer in asyncio.as_completed(tasks):
            yield await answer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.aclose()
