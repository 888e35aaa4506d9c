"""Keys from files that other tools wrote: ``etcdctl get -w json``, and plain JSON with keys and values.

Plain JSON is a list of objects, one object a line, or one object whose members are the keys. Nothing in it says
whether keys and values are base64: where they may be, a person is asked which reading is meant.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence

from etcdtui.core.int64 import int64
from etcdtui.core.keypath import escape_key
from etcdtui.core.types import KeyValue
from etcdtui.core.value import record

LISTS = ("kvs", "items", "keys", "data", "nodes", "entries", "kv")
"""Members of an object under which tools keep their list."""
KEYS, VALUES = ("key", "name", "path"), ("value", "val", "data")
JSON_DEPTH = "nested too deeply"
KEY_SHOWN = 60


class ForeignError(Exception):
    """The file holds no keys that could be read; the message is a sentence."""


@record()
class Reading:
    """One way to understand a file: ``words`` say which, ``sample`` shows its first key and value."""

    letter: str
    words: str
    kvs: tuple[KeyValue, ...]

    @property
    def sample(self) -> tuple[bytes, bytes]:
        return self.kvs[0].key, self.kvs[0].value

    @property
    def prefix(self) -> bytes:
        """The folder that holds all of them."""
        low, high = min(kv.key for kv in self.kvs), max(kv.key for kv in self.kvs)
        same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
        return low[: low.rfind(b"/", 0, same) + 1]


@record()
class Foreign:
    """What a file may mean, the likeliest first; ``revision`` is the one it was read at, 0 when it does not say."""

    readings: tuple[Reading, ...]
    revision: int = 0


@record()
class _Pair:
    key: str
    value: str | None
    lease: int = 0
    create: int = 0
    mod: int = 0
    version: int = 0


def read_foreign(text: str) -> Foreign:
    """The keys of a file; raises ``ForeignError`` with what is wrong and where."""
    documents = _documents(text)
    if all(isinstance(one, dict) and "header" in one for one in documents):
        return _of_etcdctl(documents)
    pairs = [pair for one in documents for pair in _pairs(one)]
    if not pairs:
        raise ForeignError("The file holds no keys.")
    missing = next((pair.key for pair in pairs if pair.value is None), None)
    if missing is not None:
        raise ForeignError(f"The key {_shown(missing)} has no value in the file.")
    ways: list[tuple[str, str, Callable[[str], bytes], Callable[[str], bytes]]] = [
        ("t", "as the text that stands there", _text, _text),
        ("v", "the values are base64", _text, _base64),
        ("b", "keys and values are base64", _base64, _base64),
    ]
    readings = []
    for letter, words, key, value in ways:
        try:
            readings.append(Reading(letter, words, _kvs(pairs, key, value)))
        except (ValueError, binascii.Error):
            continue
    return Foreign(tuple(readings))


def _of_etcdctl(documents: Sequence[object]) -> Foreign:
    pairs, revision = [], 0
    for one in documents:
        assert isinstance(one, dict)
        revision = max(revision, _number(one["header"].get("revision")) if isinstance(one["header"], dict) else 0)
        pairs += _pairs(one.get("kvs") or [])
    if not pairs:
        raise ForeignError("This answer of etcdctl holds no keys.")
    if all(pair.value is None for pair in pairs) and len(pairs) > 1:
        raise ForeignError("This answer of etcdctl holds keys without values: get them without --keys-only.")
    try:
        kvs = _kvs(pairs, _base64, _base64)  # an empty value has no member
    except (ValueError, binascii.Error):
        raise ForeignError("A key or value of this answer of etcdctl is not base64.") from None
    return Foreign((Reading("b", "an answer of etcdctl", kvs),), revision)


def _documents(text: str) -> list[object]:
    """All JSON values of the file, one after the other."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    found: list[object] = []
    at = _after_blanks(text, 0)
    while at < len(text):
        try:
            one, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            line = text.count("\n", 0, error.pos) + 1
            raise ForeignError(f"Line {line} is no JSON: {error.msg}.") from None
        except RecursionError:
            raise ForeignError(f"The JSON is {JSON_DEPTH}.") from None
        found.append(one)
        at = _after_blanks(text, at)
    if not found:
        raise ForeignError("The file is empty.")
    return found


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,\ufeff":
        at += 1
    return at


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(members)
    if len(made) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise ForeignError(f"{_shown(twice)} is named twice in the file.")
    return made


def _shown(name: str) -> str:
    return escape_key(name.encode("utf-8", "surrogatepass"))[:KEY_SHOWN]


def _pairs(one: object) -> list[_Pair]:
    """The keys of a list, of an object that holds one, of an object that is one, or of a map."""
    if isinstance(one, list):
        return [_pair(item) for item in one]
    if not isinstance(one, dict):
        raise ForeignError("Keys are expected as objects with a key and a value, or as one object of them.")
    lowered = {name.lower(): value for name, value in one.items()}
    if any(isinstance(lowered.get(name), str) for name in KEYS) and any(name in lowered for name in VALUES):
        return [_pair(one)]
    inner = next((lowered[name] for name in LISTS if isinstance(lowered.get(name), list)), None)
    if inner is not None:
        return _pairs(inner)
    for name, value in one.items():
        if isinstance(value, (dict, list)):
            raise ForeignError(f"{_shown(name)} holds a tree: only lists and maps of keys are read.")
    return [_Pair(name, _as_text(value)) for name, value in one.items()]


def _pair(item: object) -> _Pair:
    if not isinstance(item, dict):
        raise ForeignError("A list of keys has something else than objects in it.")
    lowered = {name.lower(): value for name, value in item.items()}
    key = next((lowered[name] for name in KEYS if isinstance(lowered.get(name), str)), None)
    if not isinstance(key, str) or not key:
        raise ForeignError("An object of the list has no key.")
    value = next((lowered[name] for name in VALUES if name in lowered), None)
    return _Pair(
        key,
        None if value is None else _as_text(value),
        _number(lowered.get("lease")),
        _number(lowered.get("create_revision")),
        _number(lowered.get("mod_revision")),
        _number(lowered.get("version")),
    )


def _as_text(value: object) -> str:
    """A text as it is, everything else as the JSON that it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(value: object) -> int:
    try:
        return int64(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else 0
    except (ValueError, OverflowError):
        return 0


def _text(text: str) -> bytes:
    return text.encode()


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _kvs(pairs: Sequence[_Pair], key: Callable[[str], bytes], value: Callable[[str], bytes]) -> tuple[KeyValue, ...]:
    found: dict[bytes, KeyValue] = {}
    for pair in pairs:
        name = key(pair.key)
        if not name or name in found:
            raise ForeignError(f"{escape_key(name)[:KEY_SHOWN] or 'an empty key'} is named twice or is no key.")
        found[name] = KeyValue(name, value(pair.value or ""), pair.create, pair.mod, pair.version, pair.lease)
    return tuple(found.values())
