"""Transactions as data and as the text that ``etcdctl txn`` reads: compares, then, else, parted by empty lines."""

from __future__ import annotations

import re
from typing import Literal

from etcdtui.core.keypath import escape_key
from etcdtui.core.quoting import txn_quote
from etcdtui.core.ranges import FROM_KEY, prefix_range
from etcdtui.core.shell_words import WordsError, split_words
from etcdtui.core.value import record

Target = Literal["mod", "create", "version", "value", "lease"]
Sign = Literal["=", "!=", "<", ">"]
TARGETS: dict[str, Target] = {
    "m": "mod",
    "mod": "mod",
    "c": "create",
    "create": "create",
    "ver": "version",
    "version": "version",
    "val": "value",
    "value": "value",
    "lease": "lease",
}
_SIGNS: dict[str, Sign] = {"=": "=", "!=": "!=", "<": "<", ">": ">"}
_COMPARE = re.compile(r'\s*(\w+)\(\s*("(?:[^"\\]|\\.)*")\s*\)\s*(!=|=|<|>)\s*"?((?:[^"\\]|\\.)*)"?\s*')


class TxnSyntaxError(ValueError):
    """The text is not a transaction; the message is a sentence that names the line."""


@record()
class CompareSpec:
    """``operand`` is ``bytes`` for ``value`` and ``int`` for all others."""

    target: Target
    key: bytes
    sign: Sign
    operand: int | bytes


@record()
class OpSpec:
    """``kind`` is get, put or del; ``end`` as in etcd's ranges (``b""``: one key)."""

    kind: Literal["get", "put", "del"]
    key: bytes
    end: bytes = b""
    value: bytes = b""
    lease: int = 0
    ignore_lease: bool = False

    @property
    def size(self) -> int:
        return len(self.key) + len(self.end) + len(self.value)


@record()
class TxnSpec:
    """IF all of ``compares`` THEN ``success`` ELSE ``failure``."""

    compares: tuple[CompareSpec, ...] = ()
    success: tuple[OpSpec, ...] = ()
    failure: tuple[OpSpec, ...] = ()

    @property
    def ops(self) -> int:
        """What the server counts against its limit of operations."""
        return max(len(self.compares), len(self.success), len(self.failure))

    @property
    def size(self) -> int:
        compares = sum(len(c.key) + (len(c.operand) if isinstance(c.operand, bytes) else 8) for c in self.compares)
        return compares + sum(o.size for o in (*self.success, *self.failure))

    @property
    def writes(self) -> tuple[OpSpec, ...]:
        return tuple(o for o in (*self.success, *self.failure) if o.kind != "get")

    def problem(self) -> str:
        """What the server would refuse, in a sentence; empty when nothing is seen."""
        for branch in (self.success, self.failure):
            puts = [o.key for o in branch if o.kind == "put"]
            if len(set(puts)) != len(puts):
                return "a key is put twice in one branch"
        return "" if self.ops else "the transaction is empty"


def compare_text(spec: CompareSpec) -> str:
    operand = spec.operand if isinstance(spec.operand, bytes) else str(spec.operand).encode()
    if spec.target == "lease" and isinstance(spec.operand, int):
        operand = f"{spec.operand:x}".encode()
    return f"{spec.target}({txn_quote(spec.key)}) {spec.sign} {txn_quote(operand)}"


def op_text(spec: OpSpec) -> str:
    """One request; ``--`` leads words that etcdctl would take for flags."""
    flags = ""
    if spec.kind == "put":
        flags = " --ignore-lease" if spec.ignore_lease else f" --lease={spec.lease:x}" if spec.lease else ""
        return f"put{flags} {_words(spec.key, spec.value)}"
    if spec.end == FROM_KEY:
        return f"{spec.kind} --from-key {_words(spec.key)}"
    if spec.end and prefix_range(spec.key) == (spec.key, spec.end):
        return f"{spec.kind} --prefix {_words(spec.key)}"
    return f"{spec.kind} {_words(spec.key, spec.end) if spec.end else _words(spec.key)}"


def _words(*items: bytes) -> str:
    text = " ".join(txn_quote(item) for item in items)
    return f"-- {text}" if any(item.startswith(b"-") for item in items) else text


def txn_text(spec: TxnSpec) -> str:
    """The standard input of ``etcdctl txn``."""
    parts = [[compare_text(c) for c in spec.compares], [op_text(o) for o in spec.success]]
    parts.append([op_text(o) for o in spec.failure])
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts) + "\n"


def parse_txn(text: str) -> TxnSpec:
    """Read what ``etcdctl txn`` reads, with prompts and a leading command line dropped; raises ``TxnSyntaxError``."""
    sections: list[list[tuple[int, str]]] = [[], [], []]
    at = 0
    lines = text.replace("\r\n", "\n").split("\n")
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        lowered = line.lower()
        if lowered in ("compares:", "success requests (get, put, del):", "failure requests (get, put, del):"):
            continue
        if (lowered.startswith(("etcdctl", "txn")) and at == 0 and not sections[0]) or re.fullmatch(
            r"'?\"?EOF'?\"?", line
        ):
            continue
        if not line:
            at = min(at + 1, 3)
            continue
        if at > 2:
            raise TxnSyntaxError(f"line {number}: there is something after the third part")
        sections[at].append((number, line))
    return TxnSpec(
        tuple(_compare(n, s) for n, s in sections[0]),
        tuple(_op(n, s) for n, s in sections[1]),
        tuple(_op(n, s) for n, s in sections[2]),
    )


def parse_compare(text: str) -> CompareSpec:
    """One compare as typed in the builder; raises ``TxnSyntaxError``."""
    return _compare(1, text)


def parse_op(text: str) -> OpSpec:
    """One request as typed in the builder; raises ``TxnSyntaxError``."""
    return _op(1, text)


def _compare(number: int, text: str) -> CompareSpec:
    found = _COMPARE.fullmatch(text)
    if found is None or found[1] not in TARGETS:
        raise TxnSyntaxError(
            f'line {number}: not a compare; write for example mod("/a/key") = "5" (mod, create, version, value, lease)'
        )
    target = TARGETS[found[1]]
    try:
        key = split_words(found[2], go_strings=True)[0]
        operand = split_words(f'"{found[4]}"', go_strings=True)[0]
    except WordsError as error:
        raise TxnSyntaxError(f"line {number}: {error}") from None
    sign = _SIGNS[found[3]]
    if target == "value":
        return CompareSpec(target, key, sign, operand)
    try:
        return CompareSpec(target, key, sign, int(operand, 16 if target == "lease" else 10))
    except ValueError:
        raise TxnSyntaxError(f"line {number}: {escape_key(operand)} is not a number") from None


def _op(number: int, text: str) -> OpSpec:
    try:
        words = split_words(text, go_strings=True)
    except WordsError as error:
        raise TxnSyntaxError(f"line {number}: {error}") from None
    kind = words[0].decode("utf-8", "replace") if words else ""
    flags, rest = _flags(number, words[1:])
    prefix, from_key = "prefix" in flags, "from-key" in flags
    if kind == "put" and len(rest) == 2:
        try:
            lease = int(flags.get("lease", "0") or "0", 16)
        except ValueError:
            raise TxnSyntaxError(f"line {number}: --lease wants a lease ID in hex") from None
        return OpSpec("put", rest[0], value=rest[1], lease=lease, ignore_lease="ignore-lease" in flags)
    if kind in ("get", "del") and 1 <= len(rest) <= 2 and not (len(rest) == 2 and (prefix or from_key)):
        key, end = rest[0], rest[1] if len(rest) == 2 else b""
        if prefix:
            key, end = prefix_range(rest[0])
        elif from_key:
            key, end = rest[0] or b"\0", FROM_KEY
        return OpSpec("get" if kind == "get" else "del", key, end)
    raise TxnSyntaxError(f"line {number}: not a request; write get KEY, put KEY VALUE or del KEY [--prefix]")


def _flags(number: int, words: list[bytes]) -> tuple[dict[str, str], list[bytes]]:
    flags: dict[str, str] = {}
    rest: list[bytes] = []
    known = {"prefix", "from-key", "lease", "ignore-lease", "prev-kv", "keys-only", "count-only"}
    i = 0
    while i < len(words):
        word = words[i]
        i += 1
        if word == b"--":
            rest.extend(words[i:])
            break
        if not word.startswith(b"--"):
            rest.append(word)
            continue
        name, equals, value = word[2:].decode("utf-8", "replace").partition("=")
        if name not in known:
            raise TxnSyntaxError(f"line {number}: --{name} is not understood in a transaction")
        if name == "lease" and not equals and i < len(words):
            value = words[i].decode("utf-8", "replace")
            i += 1
        flags[name] = value
    return flags, rest
