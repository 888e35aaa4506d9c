"""Unpack zstd: with the standard library where it can (3.14), else with the ``zstd`` extra, else not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType


def _module(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


_STDLIB = _module("compression.zstd")
_EXTRA = None if _STDLIB else _module("zstandard")


def _with_stdlib(zstd: ModuleType, frame: bytes, limit: int) -> bytes:
    machine = zstd.ZstdDecompressor()
    try:
        out: bytes = machine.decompress(frame, limit + 1)
    except zstd.ZstdError:
        raise ValueError("The zstd frame is damaged.") from None
    return _checked(out, limit, machine.eof, machine.unused_data)


def _with_extra(zstandard: ModuleType, frame: bytes, limit: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            out: bytes = reader.read(limit + 1)
        if len(out) > limit:
            return _checked(out, limit, True, b"")
        # The stream reader takes a cut frame for a whole one; this does not, and its result is known to be small.
        machine = zstandard.ZstdDecompressor().decompressobj()
        machine.decompress(frame)
    except zstandard.ZstdError:
        raise ValueError("The zstd frame is damaged.") from None
    return _checked(out, limit, machine.eof, machine.unused_data)


def _checked(out: bytes, limit: int, complete: bool, rest: bytes) -> bytes:
    if len(out) > limit:
        raise ValueError("The zstd frame unpacks to more than is looked at.")
    if not complete or rest:
        raise ValueError("The zstd frame is cut short or followed by other bytes.")
    return out


def inflater() -> Callable[[bytes, int], bytes] | None:
    """A function of the frame and the greatest size of its content, raising ``ValueError``; ``None`` without zstd."""
    if _STDLIB is not None:
        return partial(_with_stdlib, _STDLIB)
    return partial(_with_extra, _EXTRA) if _EXTRA is not None else None


_CHECKSUM, _SINGLE_SEGMENT, _SIZE = 0x04, 0x20, 0xC0
"""Flags of a frame's fifth byte: a checksum at its end, its size in its header (of one segment always)."""


def deflate(content: bytes, like: bytes) -> bytes:
    """``content`` as a frame with a checksum and a size where ``like`` has them; raises ``ValueError`` without zstd."""
    flags = like[4]
    checksum, size = bool(flags & _CHECKSUM), bool(flags & (_SINGLE_SEGMENT | _SIZE))
    if _STDLIB is not None:
        parameter = _STDLIB.CompressionParameter
        options = {parameter.checksum_flag: int(checksum), parameter.content_size_flag: int(size)}
        made: bytes = _STDLIB.compress(content, options=options)
        return made
    if _EXTRA is None:
        raise ValueError("The zstd extra is not installed.")
    machine = _EXTRA.ZstdCompressor(write_checksum=checksum, write_content_size=size)
    packed: bytes = machine.compress(content)
    return packed
