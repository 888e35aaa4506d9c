"""Transactions as the text that ``etcdctl txn`` reads: conditions, then, else, parted by empty lines.

Read exactly as etcdctl does, with these exceptions, each on the side of caution: a section may end with the text;
words that etcdctl would drop without a word are refused; a condition on a lease, over which etcdctl 3.4 to 3.7 ends
with a panic, takes the ID in hexadecimal. Prompts and a leading command line are dropped.
"""

from __future__ import annotations

import re

from etcdtui.core.etcdctl_args import del_op, get_op, put_op
from etcdtui.core.go_text import SPACES, GoTextError, Scan, integer, words
from etcdtui.core.quoting import txn_quote
from etcdtui.core.ranges import FROM_KEY, prefix_range
from etcdtui.core.txn import PLAIN_GET, CompareSpec, GetOptions, OpSpec, Sign, Target, TxnSpec

__all__ = [
    "TARGETS", "CompareSpec", "OpSpec", "TxnSpec", "TxnSyntaxError", "compare_text", "op_text", "parse_compare",
    "parse_op", "parse_txn", "txn_text",
]  # fmt: skip

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
_PROMPTS = ("compares:", "success requests (get, put, del):", "failure requests (get, put, del):")


class TxnSyntaxError(ValueError):
    """The text is not a transaction; the message is a sentence that names the line."""


def compare_text(spec: CompareSpec) -> str:
    operand = spec.operand if isinstance(spec.operand, bytes) else str(spec.operand).encode()
    if spec.target == "lease" and isinstance(spec.operand, int):
        operand = f"{spec.operand:x}".encode()
    return f"{spec.target}({txn_quote(spec.key)}) {spec.sign} {txn_quote(operand)}"


def op_text(spec: OpSpec) -> str:
    """One request; ``--`` leads words that etcdctl would take for flags."""
    flags = " --prev-kv" if spec.prev_kv else ""
    if spec.kind == "put":
        flags += f" --lease={spec.lease:x}" if spec.lease else ""
        flags += " --ignore-lease" if spec.ignore_lease else ""
        if spec.ignore_value:
            return f"put{flags} --ignore-value {_words(spec.key)}"
        return f"put{flags} {_words(spec.key, spec.value)}"
    flags += _get_flags(spec.options)
    if spec.end == FROM_KEY:
        return f"{spec.kind}{flags} --from-key {_words(spec.key)}"
    if spec.end and prefix_range(spec.key) == (spec.key, spec.end):
        return f"{spec.kind}{flags} --prefix {_words(spec.key)}"
    return f"{spec.kind}{flags} {_words(spec.key, spec.end) if spec.end else _words(spec.key)}"


def _get_flags(options: GetOptions) -> str:
    if options == PLAIN_GET:
        return ""
    sort_by = {"create": "CREATE", "mod": "MODIFY", "value": "VALUE", "version": "VERSION", "": ""}[options.sort_by]
    texts = [("sort-by", sort_by), ("order", options.order.upper()), ("consistency", "s" * options.serializable)]
    numbers = [("rev", options.revision), ("limit", options.limit), ("min-create-rev", options.min_create),
               ("max-create-rev", options.max_create), ("min-mod-rev", options.min_mod),
               ("max-mod-rev", options.max_mod)]  # fmt: skip
    switches = [("keys-only", options.keys_only), ("count-only", options.count_only)]
    valued = [f" --{name}={value}" for name, value in [*texts, *numbers] if value]
    return "".join([*valued, *(f" --{name}" for name, on in switches if on)])


def _words(*items: bytes) -> str:
    text = " ".join(txn_quote(item) for item in items)
    return f"-- {text}" if any(item.startswith(b"-") for item in items) else text


def txn_text(spec: TxnSpec) -> str:
    """The standard input of ``etcdctl txn``."""
    parts = [[compare_text(c) for c in spec.compares], [op_text(o) for o in spec.success]]
    parts.append([op_text(o) for o in spec.failure])
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts) + "\n"


def parse_txn(text: str) -> TxnSpec:
    """Read what ``etcdctl txn`` reads; raises ``TxnSyntaxError``."""
    sections: list[list[tuple[int, str]]] = [[], [], []]
    at = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(SPACES)
        lowered = line.lower()
        if lowered in _PROMPTS:
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
    return _compare(1, text.strip(SPACES))


def parse_op(text: str) -> OpSpec:
    """One request as typed in the builder; raises ``TxnSyntaxError``."""
    return _op(1, text.strip(SPACES))


def _compare(number: int, text: str) -> CompareSpec:
    name, _, rest = text.partition("(")
    if name not in TARGETS or not rest:
        raise TxnSyntaxError(
            f'line {number}: not a compare; write for example mod("/a/key") = "5" (mod, create, version, value, lease)'
        )
    target = TARGETS[name]
    scan = Scan(rest)
    try:
        key = scan.quoted()
        scan.literal(")")
        scan.blank()
        sign = scan.word()
        scan.blank()
        operand = scan.quoted()
    except GoTextError as error:
        raise TxnSyntaxError(f'line {number}: {error}; write for example {name}("/a/key") = "5"') from None
    if rest[scan.at :].strip(SPACES):
        raise TxnSyntaxError(f"line {number}: something follows the compare; each has a line of its own")
    if sign not in _SIGNS:
        raise TxnSyntaxError(f"line {number}: the sign is one of = != < >, not {sign[:10]}")
    if target == "value":
        return CompareSpec(target, key, _SIGNS[sign], operand)
    try:
        value = integer(operand.decode("utf-8", "replace"), 16 if target == "lease" else 10)
    except GoTextError as error:
        raise TxnSyntaxError(f"line {number}: {error}") from None
    return CompareSpec(target, key, _SIGNS[sign], value)


def _op(number: int, text: str) -> OpSpec:
    readers = {b"get": get_op, b"put": put_op, b"del": del_op}
    try:
        kind, *rest = words(text) or [b""]
        if kind not in readers:
            raise GoTextError("not a request; write get KEY, put KEY VALUE or del KEY [--prefix]")
        made = readers[kind](rest)
        if made is None:
            raise GoTextError("put wants a key and a value")
    except GoTextError as error:
        raise TxnSyntaxError(f"line {number}: {error}") from None
    return made
