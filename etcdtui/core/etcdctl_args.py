"""What etcdctl makes of the arguments of get, put, del and watch: flags by the rules of pflag, then the request.

One reading for the command line and for transaction text; ``tests/core/test_as_etcdctl_reads.py`` holds it against
etcdctl itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from etcdtui.core.go_text import GoTextError, integer, switch
from etcdtui.core.ranges import FROM_KEY, prefix_range
from etcdtui.core.txn import GetOptions, OpSpec, SortTarget
from etcdtui.core.value import record

Kind = Literal["switch", "text", "int"]
GET: Mapping[str, Kind] = {
    "consistency": "text", "order": "text", "sort-by": "text", "limit": "int", "prefix": "switch", "from-key": "switch",
    "rev": "int", "keys-only": "switch", "count-only": "switch", "print-value-only": "switch",
    "min-create-rev": "int", "max-create-rev": "int", "min-mod-rev": "int", "max-mod-rev": "int",
}  # fmt: skip
PUT: Mapping[str, Kind] = {"lease": "text", "prev-kv": "switch", "ignore-value": "switch", "ignore-lease": "switch"}
DEL: Mapping[str, Kind] = {"prefix": "switch", "prev-kv": "switch", "from-key": "switch", "range": "switch"}
WATCH: Mapping[str, Kind] = {
    "interactive": "switch", "prefix": "switch", "rev": "int", "prev-kv": "switch", "progress-notify": "switch",
    "from-key": "switch",
}  # fmt: skip
"""The flags of each command, of all versions; ``from-key`` of watch is ours."""


@record(frozen=False)
class Flags:
    """What a command was given: each flag's last value, and the words that are not flags."""

    on: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    rest: list[bytes] = field(default_factory=list)
    parted: bool = False
    """A ``--`` stood among the words."""


def read_flags(words: list[bytes], known: Mapping[str, Kind], command: str, shorts: Mapping[str, str] = {}) -> Flags:
    """Sort ``words`` into flags and the rest; raises ``GoTextError`` for what etcdctl refuses."""
    found = Flags()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == b"--":
            found.parted = True
            found.rest += words[at:]
            break
        if not word.startswith(b"-") or word == b"-":
            found.rest.append(word)
            continue
        text = word.decode("utf-8", "surrogateescape")
        name, equals, value = text[2:].partition("=")
        if not text.startswith("--"):
            name, equals, value = shorts.get(text, ""), "", ""
            if not name:
                raise GoTextError(
                    f"{command} has no flag {text[:40]}; -- before a word that begins with - keeps it a word"
                )
        if name not in known:
            raise GoTextError(f"{command} has no flag --{name[:40]}")
        if known[name] != "switch" and not equals:
            if at >= len(words):
                raise GoTextError(f"--{name} needs a value")
            value = words[at].decode("utf-8", "surrogateescape")
            at += 1
        _take(found, name, known[name], value if equals or known[name] != "switch" else "true")
    return found


def _take(found: Flags, name: str, kind: Kind, value: str) -> None:
    try:
        if kind == "switch":
            (found.on.add if switch(value) else found.on.discard)(name)
        elif kind == "int":
            found.numbers[name] = integer(value)
        else:
            found.texts[name] = value
    except GoTextError as error:
        raise GoTextError(f"--{name}: {error}") from None


def get_op(words: list[bytes]) -> OpSpec:
    """The words after ``get`` as a request; raises ``GoTextError``."""
    flags = read_flags(words, GET, "get")
    if {"keys-only", "count-only"} <= flags.on:
        raise GoTextError("--keys-only and --count-only exclude each other")
    key, end = _range(flags, "get")
    consistency = flags.texts.get("consistency", "l")
    if consistency not in ("l", "s"):
        raise GoTextError(f"--consistency is l or s, not {consistency[:40]}")
    numbers = {name: max(0, number) for name, number in flags.numbers.items() if name != "limit"}
    for what in ("create", "mod"):
        if 0 < numbers.get(f"max-{what}-rev", 0) < numbers.get(f"min-{what}-rev", 0):
            raise GoTextError(f"--min-{what}-rev is greater than --max-{what}-rev")
    by, order = _sorting(flags)
    return OpSpec(
        "get",
        key,
        end,
        options=GetOptions(
            revision=numbers.get("rev", 0),
            limit=max(0, flags.numbers.get("limit", 0)),
            sort_by=by,
            order=order,
            keys_only="keys-only" in flags.on,
            count_only="count-only" in flags.on,
            serializable=consistency == "s",
            min_create=numbers.get("min-create-rev", 0),
            max_create=numbers.get("max-create-rev", 0),
            min_mod=numbers.get("min-mod-rev", 0),
            max_mod=numbers.get("max-mod-rev", 0),
        ),
    )


SORT_TARGETS: Mapping[str, SortTarget] = {
    "": "", "KEY": "", "CREATE": "create", "MODIFY": "mod", "VALUE": "value", "VERSION": "version",
}  # fmt: skip
ORDERS: Mapping[str, Literal["", "ascend", "descend"]] = {"": "", "ASCEND": "ascend", "DESCEND": "descend"}


def _sorting(flags: Flags) -> tuple[SortTarget, Literal["", "ascend", "descend"]]:
    by, order = flags.texts.get("sort-by", "").upper(), flags.texts.get("order", "").upper()
    if by not in SORT_TARGETS:
        raise GoTextError(f"--sort-by knows create, key, modify, value, version, not {by.lower()[:40]}")
    if order not in ORDERS:
        raise GoTextError(f"--order knows ascend, descend, not {order.lower()[:40]}")
    return SORT_TARGETS[by], ORDERS[order]


def put_op(words: list[bytes]) -> OpSpec | None:
    """The words after ``put`` as a request, ``None`` where the value is still wanted; raises ``GoTextError``.

    etcdctl drops words after the value without saying so; here they are refused.
    """
    flags = read_flags(words, PUT, "put")
    if not flags.rest:
        raise GoTextError("put wants a key and a value")
    key, *more = flags.rest
    keeps_value = "ignore-value" in flags.on
    if keeps_value and more:
        raise GoTextError("--ignore-value keeps the value: put wants the key only")
    if len(more) > 1:
        raise GoTextError("put wants one value; quote a value that has blanks")
    lease = _lease(flags.texts.get("lease", "0"))
    made = OpSpec(
        "put",
        key,
        value=more[0] if more else b"",
        lease=lease,
        ignore_lease="ignore-lease" in flags.on,
        ignore_value=keeps_value,
        prev_kv="prev-kv" in flags.on,
    )
    return made if more or keeps_value else None


def put_key(words: list[bytes]) -> OpSpec:
    """A ``put`` whose value comes from elsewhere: its key and flags, the value empty; raises ``GoTextError``."""
    flags = read_flags(words, PUT, "put")
    if len(flags.rest) != 1:
        raise GoTextError("put wants KEY VALUE, or KEY < FILE")
    lease = _lease(flags.texts.get("lease", "0"))
    return OpSpec("put", flags.rest[0], lease=lease, ignore_lease="ignore-lease" in flags.on)


def _lease(text: str) -> int:
    try:
        return integer(text, 16)
    except GoTextError as error:
        raise GoTextError(f"--lease is a lease ID in hexadecimal without 0x: {error}") from None


def del_op(words: list[bytes]) -> OpSpec:
    """The words after ``del`` as a request; raises ``GoTextError``."""
    flags = read_flags(words, DEL, "del")
    key, end = _range(flags, "del")
    return OpSpec("del", key, end, prev_kv="prev-kv" in flags.on)


def _range(flags: Flags, command: str) -> tuple[bytes, bytes]:
    """Key and range end. etcdctl drops further words of a get without saying so; here they are refused."""
    words = flags.rest
    if not words:
        raise GoTextError(f"{command} wants a key")
    if {"prefix", "from-key"} <= flags.on:
        raise GoTextError("--prefix and --from-key exclude each other")
    whole = flags.on & {"prefix", "from-key"}
    if len(words) > 1 and whole:
        raise GoTextError(f"--{min(whole)} takes one key, without a range end")
    if len(words) > 2:
        raise GoTextError(f"{command} wants a key and at most one range end; quote a key that has blanks")
    if "prefix" in whole:
        return prefix_range(words[0])
    if "from-key" in whole:
        return words[0] or b"\0", FROM_KEY
    return words[0], words[1] if len(words) == 2 else b""


def watch_range(flags: Flags) -> tuple[bytes, bytes]:
    """Key and range end of ``watch``; raises ``GoTextError``."""
    return _range(flags, "watch")
