"""What is read from any source."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

from etcdtui.core.errors import ConfigError
from etcdtui.core.value import record

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


@record(frozen=False)
class Source:
    """Keyword arguments for ``ClientOptions``, and for ``TlsOptions`` when TLS was asked for."""

    options: dict[str, Any] = field(default_factory=dict)
    tls: dict[str, Any] | None = None


def duration(text: str, name: str) -> float:
    """Seconds of a Go duration such as ``"2s"``, ``"1m30s"``, ``"250ms"`` or ``"0"``."""
    bare = text.strip()
    if bare == "0":
        return 0.0
    total, position = 0.0, 0
    while match := _PART.match(bare, position):
        total += float(match.group(1)) * _UNITS[match.group(2)]
        position = match.end()
    if not bare or position != len(bare):
        raise ConfigError(f'{name}: "{text}" is not a duration such as 2s or 500ms')
    return total
