"""From a path to a client that answers from the file."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from etcdtui.client.client import Client
from etcdtui.client.offline.opened_file import OnProgress, OpenedFile
from etcdtui.client.offline.store import OfflineCalls
from etcdtui.client.options import ClientOptions
from etcdtui.core.tasks import awaited

NO_ENDPOINT = ("127.0.0.1:1",)
"""Options want one; nothing is ever sent there."""


async def open_file(path: Path, on_progress: OnProgress | None = None, *, namespace: bytes = b"") -> Client:
    """A client of the file; ``BadSnapshot`` says why there is none.

    ``on_progress`` is told from another thread how many of the pages have been looked at. Nothing may be written
    through this client, and no cluster is ever asked.
    """
    file = OpenedFile(path)
    proving = awaited(asyncio.to_thread(file.prove, on_progress), "proving a snapshot")
    try:
        await asyncio.shield(proving)
        options = ClientOptions(endpoints=NO_ENDPOINT, namespace=namespace)
        return Client(options, sender=OfflineCalls(file, path.name, options))
    except BaseException:
        file.give_up()
        with contextlib.suppress(BaseException):
            await proving  # the file must not be closed under the thread that reads it
        file.close()
        raise
