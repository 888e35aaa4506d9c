"""Opens a database file and proves that it is whole before anything of it is believed.

A saved snapshot ends with the SHA-256 of all before it; the file of a member does not, and there only the pages' own
order can be checked. ``BadSnapshot`` says in a sentence what is wrong.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from etcdtui.client.offline.contents import Contents, contents_of
from etcdtui.client.offline.revisions import Revisions
from etcdtui.core.bbolt import Bolt, Damaged
from etcdtui.core.errors import BadSnapshot
from etcdtui.core.safe_text import safe_text

TRAILER = 32
"""Bytes of the SHA-256 that ends a saved snapshot."""
SECTOR = 512
"""A database file's size is a multiple of this."""
BLOCK = 4 * 1024 * 1024
"""Bytes read at a time for the checksum."""
KEY_BUCKET = b"key"
NAMED = 200

OnProgress = Callable[[int, int], None]
"""Told from another thread: pages looked at, of how many."""


class OpenedFile:
    """A proven file, mapped. ``size`` are the bytes of the database, ``summed`` whether it ends with its checksum.

    ``revisions`` and ``contents`` are what was read of it: the bucket of keys, and the small ones beside it.
    """

    def __init__(self, path: Path) -> None:
        """Opens, locks and maps it; ``prove`` then reads it. A shared lock is held until ``close``: no etcd can change
        what is shown."""
        self.path = path
        self._handle = _open(path)
        try:
            self.size, self.summed = self._measured()
            self._lock()
            self._seen = self._stamp()
            self.data = mmap.mmap(self._handle, 0, access=mmap.ACCESS_READ)
        except OSError as error:
            os.close(self._handle)
            raise _refused(path, (error.strerror or "it cannot be read").lower()) from None
        except BaseException:
            os.close(self._handle)
            raise
        self.bolt: Bolt
        self.contents: Contents
        self.revisions = Revisions(self.data)
        self._given_up = False

    def prove(self, on_progress: OnProgress | None = None) -> None:
        """Reads everything once: checksum, pages, and which revisions there are. Takes seconds: call it in a thread."""
        with ThreadPoolExecutor(1, "snapshot checksum") as helper:
            summing = helper.submit(self._sum_differs) if self.summed else None
            try:
                self._read(on_progress)
            except Damaged as problem:
                if summing is None or not summing.result():
                    raise self._refused(str(problem)) from None
            if summing is not None and summing.result():
                raise self._refused("its checksum does not match: it was cut, changed or not copied whole")

    def give_up(self) -> None:
        """Nobody waits for ``prove`` any more: it ends soon, with a refusal."""
        self._given_up = True

    def check(self) -> None:
        """Raises when somebody wrote into the file since it was opened."""
        if self._stamp() != self._seen:
            raise self._refused("it was changed since it was opened; open it again")

    def close(self) -> None:
        """Safe to repeat; what was read of the file before stays readable no longer."""
        if self._handle >= 0:
            self.data.close()
            os.close(self._handle)
            self._handle = -1

    def _read(self, on_progress: OnProgress | None) -> None:
        bolt = self.bolt = Bolt(self.data, self.size)
        if KEY_BUCKET not in bolt.buckets:
            raise Damaged("it is a database, and not one of etcd v3: it has no bucket of keys")
        total = bolt.meta.pages
        looked = 0
        small: dict[bytes, dict[bytes, bytes]] = {}

        def pages(reached: int) -> None:
            nonlocal looked
            if self._given_up:
                raise Damaged("given up")
            if reached - looked > total // 16:
                looked = reached
                self.revisions.give_back()
            if on_progress is not None:
                on_progress(reached, total)

        for name, bucket in bolt.buckets.items():
            if name == KEY_BUCKET:
                self.revisions.read(bolt, bucket, pages)
            else:
                small[name] = dict(bolt.items(bucket))
        self.contents = contents_of(small)
        self.revisions.prepare()
        self.revisions.give_back()
        if on_progress is not None:
            on_progress(total, total)

    def _sum_differs(self) -> bool:
        digest = hashlib.sha256()
        block = bytearray(BLOCK)
        view = memoryview(block)
        at = 0
        while at < self.size:
            got = os.preadv(self._handle, [view[: min(BLOCK, self.size - at)]], at)
            if not got or self._given_up:
                return True
            digest.update(view[:got])
            at += got
        return digest.digest() != os.pread(self._handle, TRAILER, self.size)

    def _measured(self) -> tuple[int, bool]:
        size = os.fstat(self._handle).st_size
        if size % SECTOR not in (0, TRAILER) or size < 2 * SECTOR:
            raise self._refused(f"{size} bytes is the size of no database of etcd: it was cut, or is something else")
        summed = has_checksum(size)
        return size - TRAILER * summed, summed

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._refused(
                "a running etcd holds it; save a snapshot of that member and open this instead"
            ) from None
        except OSError:
            pass  # a file system without locks: no etcd runs on it

    def _stamp(self) -> tuple[int, int]:
        found = os.fstat(self._handle)
        return found.st_size, found.st_mtime_ns

    def _refused(self, why: str) -> BadSnapshot:
        return _refused(self.path, why)


def has_checksum(size: int) -> bool:
    """Whether a file of so many bytes ends with its SHA-256, as saved snapshots do and members' own files do not."""
    return size % SECTOR == TRAILER


def _refused(path: Path, why: str) -> BadSnapshot:
    return BadSnapshot(f"{safe_text(str(path), limit=NAMED).text}: {why}")


def _open(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(path, (error.strerror or "it cannot be opened").lower()) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refused(path, "it is not a file")
    return handle
