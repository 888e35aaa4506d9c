"""Writes a snapshot stream to a file: digest checked while it flows, in place only when whole, no remains otherwise."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from etcdtui.core.errors import SnapshotError
from etcdtui.core.tasks import awaited
from etcdtui.core.types import SavedSnapshot, SnapshotChunk

TRAILER = 32
"""Bytes of the SHA-256 that ends a snapshot."""
PAGE = 512
"""The database file's size is a multiple of this."""
BATCH = 1024 * 1024
"""Bytes written to disk at once."""

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

OnProgress = Callable[[int, int], None]
T = TypeVar("T")


async def save(
    chunks: AsyncIterator[SnapshotChunk],
    path: str | os.PathLike[str],
    on_progress: OnProgress | None,
    *,
    overwrite: bool = False,
) -> SavedSnapshot:
    """Saves ``chunks`` as ``path`` by way of ``path.part``; raises ``SnapshotError`` and the stream's own errors.

    Without ``overwrite`` what has the name already, or takes it meanwhile, stays as it is.
    """
    target = Path(path)
    part = target.with_name(target.name + ".part")
    if target.is_dir():  # noqa: ASYNC240 - one stat
        raise SnapshotError(f"{str(target)!r} is a directory")
    if not overwrite and os.path.lexists(target):  # noqa: ASYNC240 - one stat; a better time to tell it than the end
        raise _exists(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(part, flags, 0o600)
    except FileExistsError:
        raise SnapshotError(f"{str(part)!r} exists: another save runs, or one was killed; remove it first") from None
    except OSError as error:
        raise SnapshotError(f"{str(part)!r} cannot be written: {error.strerror}") from None
    sink = _Sink(handle)
    try:
        version = await _copy(chunks, sink, on_progress)
        size, digest = sink.size, sink.check()
        await _in_thread(lambda: _finish(handle, part, target, overwrite))
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise SnapshotError(f"{str(target)!r} cannot be written: {error.strerror}") from None
    finally:
        sink.close()
        part.unlink(missing_ok=True)
    return SavedSnapshot(target, size, digest, version)


async def _copy(chunks: AsyncIterator[SnapshotChunk], sink: _Sink, on_progress: OnProgress | None) -> str:
    done, total, version = 0, 0, ""
    batch = bytearray()
    async for chunk in chunks:
        total = total or len(chunk.blob) + chunk.remaining_bytes
        version = version or chunk.version
        batch += chunk.blob
        if len(batch) >= BATCH:
            data, batch = bytes(batch), bytearray()
            await _in_thread(lambda data=data: sink.write(data))  # type: ignore[misc]  # a lambda's default has no type
        done = min(done + len(chunk.blob), total)
        if on_progress is not None:
            on_progress(done, total)
    await _in_thread(lambda: sink.write(bytes(batch)))
    return version


class _Sink:
    """The open file; holds the last 32 bytes back until the end, as only then they are known to be the digest."""

    def __init__(self, handle: int) -> None:
        self.size = 0
        self._handle = handle
        self._hash = hashlib.sha256()
        self._tail = b""
        self._open = True

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]
        self.size += len(data)
        held = self._tail + data
        cut = max(0, len(held) - TRAILER)
        self._hash.update(memoryview(held)[:cut])
        self._tail = held[cut:]

    def check(self) -> str:
        if self.size <= TRAILER or self.size % PAGE != TRAILER:
            raise SnapshotError(f"the stream ended early, after {self.size} bytes")
        if self._hash.digest() != self._tail:
            raise SnapshotError("the checksum at its end does not match the data received")
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._handle)


def _exists(target: Path) -> SnapshotError:
    return SnapshotError(f"{str(target)!r} exists and is not replaced: choose another name")


def _finish(handle: int, part: Path, target: Path, overwrite: bool) -> None:
    """Gives the whole file its name, in one step that fails where the name is taken and may not be."""
    os.fsync(handle)
    if overwrite:
        part.rename(target)
    else:
        _claim(part, target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _claim(part: Path, target: Path) -> None:
    """A second name for ``part``, which the caller removes; where there are no hard links an empty file holds the name
    until it is replaced."""
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            part.rename(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


async def _in_thread(work: Callable[[], T]) -> T:
    """Runs ``work`` off the loop. A cancellation waits for it to end, as the file must not be closed under it."""
    running = awaited(asyncio.to_thread(work), "snapshot file")
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise
