"""What of the values in a tail is not shown, copied or written to a file, as the profile's masks say."""

from __future__ import annotations

from etcdtui.config.schema import Mask
from etcdtui.core.decoding.kubernetes import MAGIC
from etcdtui.core.decoding.result import HIDDEN
from etcdtui.core.search import KeyGlob
from etcdtui.services.values import packing, valuediff
from etcdtui.services.values.valuediff import Hiding

KEYS_KEPT = 20_000
"""Keys whose verdict is remembered."""
COVER = HIDDEN.encode()


class Veil:
    """``hiding`` for a key, remembered; ``cover`` for a value that leaves the program."""

    def __init__(self, mask: Mask, *, secrets: bool = True) -> None:
        self._globs = [KeyGlob(pattern) for pattern in mask.keys]
        fields = frozenset(name.lower() for name in mask.fields)
        self._part, self._whole = Hiding(fields, secrets=secrets), Hiding(fields, whole=True)
        # An escaped letter in a JSON name could spell one of them without showing it.
        self._suspects = (*(name.encode() for name in fields), b"\\u") if fields else ()
        self._verdicts: dict[bytes, bool] = {}

    def is_whole(self, key: bytes) -> bool:
        """Whether all of the value of ``key`` is hidden."""
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= KEYS_KEPT:
                self._verdicts.clear()
            verdict = self._verdicts[key] = any(glob.matches(key) for glob in self._globs)
        return verdict

    def hiding(self, key: bytes) -> Hiding:
        return self._whole if self.is_whole(key) else self._part

    def cover(self, key: bytes, value: bytes) -> tuple[bytes, bool]:
        """The value as it may leave the program, and whether something of it is hidden."""
        if self.is_whole(key):
            return COVER, True
        if value.startswith(MAGIC) or packing.unpack(value) is not None:
            return (COVER, True) if self._part.decode(value).masked else (value, False)
        if b":" not in value and b"=" not in value:  # no field without one of them
            return value, False
        lowered = value.lower()
        if not any(name in lowered for name in self._suspects):
            return value, False
        text = valuediff.text(value, self._part)
        if text is None:
            return (COVER, True) if self._part.decode(value).masked else (value, False)
        covered = text.encode()
        return covered, covered != value


OPEN = Veil(Mask(keys=(), fields=()), secrets=False)
"""Hides nothing: for what was already covered when it was recorded."""
