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
