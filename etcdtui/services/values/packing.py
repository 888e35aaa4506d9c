"""Compressed values taken apart, and put together again in the same format with what their header tells."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping

from etcdtui.core.decoding import compressed
from etcdtui.core.decoding.result import Decoded, Hooks, Request
from etcdtui.core.value import Value
from etcdtui.services.values import zstd

_HOOKS = Hooks(inflate_zstd=zstd.inflater())
_GZIP_HEADER = 10
_GZIP_EXTRA, _GZIP_NAME, _GZIP_COMMENT, _GZIP_CHECKSUM = 4, 8, 16, 2
_GZIP_LEVELS = {2: 9, 4: 1}
"""What the eighth byte tells of the level; any other says nothing."""
_ZLIB_LEVELS = (1, 4, 6, 9)
_DEFAULT_LEVEL = 6


class Packed(Value):
    """The ``format`` of a compressed value (``gzip``, ``zlib``, ``bzip2``, ``xz``, ``zstd``) and what is in it."""

    format: str
    content: bytes


def unpack(value: bytes) -> Packed | None:
    """The content, proven by its checksum; ``None`` when it is no compressed value, or too large to be looked at."""
    made = compressed.detect(Request(b"", value, hooks=_HOOKS))
    return None if made is None or isinstance(made, Decoded) else Packed(*made)


def pack(content: bytes, like: bytes) -> bytes:
    """``content`` compressed as ``like`` is; ``like`` itself when that is its content. Raises ``ValueError``.

    What comes out was unpacked again: it has that content.
    """
    old = unpack(like)
    if old is None:
        raise ValueError("The value is not compressed in a format that can be written.")
    if old.content == content:
        return like
    made = _PACKERS[old.format](content, like)
    again = unpack(made)
    if again is None or again.content != content:
        raise ValueError(f"The content cannot be compressed as {old.format} here; it may be too large.")
    return made


def _gzip(content: bytes, like: bytes) -> bytes:
    """One member with the header of the first: its time, name and system stay."""
    header = _gzip_header(like)
    machine = zlib.compressobj(_GZIP_LEVELS.get(like[8], _DEFAULT_LEVEL), zlib.DEFLATED, -15)
    body = machine.compress(content) + machine.flush()
    return header + body + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFF_FFFF)


def _gzip_header(value: bytes) -> bytes:
    flags, at = value[3], _GZIP_HEADER
    if flags & _GZIP_EXTRA:
        at += 2 + int.from_bytes(value[at : at + 2], "little")
    for flag in (_GZIP_NAME, _GZIP_COMMENT):
        if flags & flag:
            at = value.index(b"\0", at) + 1
    return value[: at + 2] if flags & _GZIP_CHECKSUM else value[:at]


def _zlib(content: bytes, like: bytes) -> bytes:
    machine = zlib.compressobj(_ZLIB_LEVELS[like[1] >> 6], zlib.DEFLATED, 8 + (like[0] >> 4))
    return machine.compress(content) + machine.flush()


def _bzip2(content: bytes, like: bytes) -> bytes:
    return bz2.compress(content, int(like[3:4]))


def _xz(content: bytes, like: bytes) -> bytes:
    return lzma.compress(content, lzma.FORMAT_XZ, check=like[7] & 0x0F)


_PACKERS: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    "gzip": _gzip,
    "zlib": _zlib,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": zstd.deflate,
}
