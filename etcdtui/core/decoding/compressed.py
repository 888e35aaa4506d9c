"""Compressed values, claimed only when all of it unpacks and its checksum holds."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

from etcdtui.core.decoding.result import MAX_INFLATED, Decoded, Request
from etcdtui.core.decoding.text_view import hex_view
from etcdtui.core.units import format_size

_ZSTD = b"\x28\xb5\x2f\xfd"
_LZ4 = b"\x04\x22\x4d\x18"


class TooLargeError(Exception):
    """The content is larger than we unpack."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def detect(request: Request) -> tuple[str, bytes] | Decoded | None:
    """The format and its content; a finished answer when the content cannot be had; ``None`` if not compressed."""
    value = request.value
    for name, matches, unpack in _FORMATS:
        if not matches(value):
            continue
        try:
            return name, unpack(value)
        except TooLargeError:
            size = format_size(MAX_INFLATED)
            return Decoded(
                f"{name}?",
                "starts like it, and unpacks to more than is looked at",
                (hex_view(value),),
                hints=(f"content over {size}",),
            )
        except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
            continue
    if value.startswith(_ZSTD):
        return _zstd(request)
    if value.startswith(_LZ4):
        return Decoded("LZ4 frame", "first bytes only", (hex_view(value),))
    return None


def _zstd(request: Request) -> tuple[str, bytes] | Decoded:
    value = request.value
    inflate = request.hooks.inflate_zstd
    if inflate is None:
        hint = "install the extra etcdtui[zstd] to see its content"
        return Decoded("zstd frame", "first bytes only", (hex_view(value),), hints=(hint,))
    try:
        return "zstd", inflate(value, MAX_INFLATED)
    except ValueError as problem:
        return Decoded("zstd frame", "first bytes only", (hex_view(value),), problem=str(problem))


def _run(machine: _Decompressor, value: bytes) -> bytes:
    out = machine.decompress(value, MAX_INFLATED + 1)
    if len(out) > MAX_INFLATED:
        raise TooLargeError
    if not machine.eof:
        raise ValueError("the stream is not complete")
    if machine.unused_data:
        raise ValueError("bytes follow the stream")
    return out


class _Zlib:
    """zlib's object with the shape of the others'."""

    def __init__(self, wbits: int) -> None:
        self._machine = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._machine.eof

    @property
    def unused_data(self) -> bytes:
        return self._machine.unused_data

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        return self._machine.decompress(data, max_length)


def _gzip(value: bytes) -> bytes:
    """All members of the file, each with its CRC."""
    out = b""
    rest = value
    while rest:
        machine = _Zlib(31)
        out += machine.decompress(rest, MAX_INFLATED + 1 - len(out))
        if len(out) > MAX_INFLATED:
            raise TooLargeError
        if not machine.eof:
            raise ValueError("the stream is not complete")
        rest = machine.unused_data
    return out


def _is_zlib(value: bytes) -> bool:
    return (
        len(value) >= 8
        and value[0] & 0x0F == 8
        and value[0] >> 4 <= 7
        and (value[0] << 8 | value[1]) % 31 == 0
        and not value[1] & 0x20
    )


_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], bytes]], ...] = (
    ("gzip", lambda value: value.startswith(b"\x1f\x8b\x08"), _gzip),
    ("zlib", _is_zlib, lambda value: _run(_Zlib(15), value)),
    ("bzip2", lambda value: value.startswith(b"BZh"), lambda value: _run(bz2.BZ2Decompressor(), value)),
    (
        "xz",
        lambda value: value.startswith(b"\xfd7zXZ\0"),
        lambda value: _run(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=64 * 1024 * 1024), value),
    ),
)
