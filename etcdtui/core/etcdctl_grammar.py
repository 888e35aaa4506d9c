"""The command line ``:`` reads: etcdctl's grammar, so that pasted runbook lines work, and a few verbs of our own.

Nothing is run here: a line becomes a value. Global flags of etcdctl are never obeyed; each is told in a notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TypeAlias

from etcdtui.core.ranges import FROM_KEY, prefix_range
from etcdtui.core.shell_words import WordsError, split_words
from etcdtui.core.value import record

GLOBAL_FLAGS = {
    "endpoints", "cacert", "cert", "key", "user", "password", "auth-jwt-token", "insecure-transport",
    "insecure-skip-tls-verify", "insecure-discovery", "discovery-srv", "discovery-srv-name", "dial-timeout",
    "command-timeout", "keepalive-time", "keepalive-timeout", "max-request-bytes", "max-recv-bytes", "debug", "hex",
    "write-out",
}  # fmt: skip
GLOBAL_SWITCHES = {"debug", "hex", "insecure-skip-tls-verify", "insecure-transport", "insecure-discovery"}
SHORT_GLOBALS = {"-w": "write-out", "-d": "discovery-srv"}
SCREENS: Mapping[int, str] = MappingProxyType(
    {1: "keys", 2: "watch", 3: "leases", 4: "members", 5: "auth", 8: "txn", 9: "activity"}
)
"""The screens there are, by the number that shows them."""
GROUPS = (
    "lease", "member", "endpoint", "alarm", "compact", "compaction", "defrag", "move-leader", "snapshot", "user",
    "role", "auth", "lock", "elect",
)  # fmt: skip
VERBS = (
    "get", "put", "del", "txn", "watch", "f", "go", "profile", "rev", "at", "census", "diff", "export", "import",
    "filter", "theme", "w", "q", "q!", "help", "keys", "recover", "undelete",
)  # fmt: skip


@record()
class Get:
    """``end`` as in etcd's ranges."""

    key: bytes
    end: bytes = b""
    revision: int = 0
    keys_only: bool = False
    limit: int = 0
    sort_by: str = ""
    order: str = ""


@record()
class Put:
    """``value`` ``None`` with a ``file``: the value is that file's content, ``-`` asks for it in the editor."""

    key: bytes
    value: bytes | None = None
    file: str = ""
    lease: int = 0
    ignore_lease: bool = False


@record()
class Del:
    key: bytes
    end: bytes = b""


@record()
class Txn:
    """``text`` is what followed, to be read as transaction text; empty opens the builder."""

    text: str = ""


@record()
class WatchKeys:
    key: bytes
    end: bytes = b""
    revision: int = 0
    prev_kv: bool = False


@record()
class Verb:
    """A verb of ours (``go``, ``profile``, ``rev``, ...) or a group of etcdctl's that a screen answers."""

    name: str
    words: tuple[bytes, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(w.decode("utf-8", "backslashreplace") for w in self.words)


Command: TypeAlias = Get | Put | Del | Txn | WatchKeys | Verb


@record()
class Parsed:
    """A line understood, or an ``error`` in a sentence; ``notices`` tell what was ignored."""

    command: Command | None = None
    notices: tuple[str, ...] = ()
    error: str = ""


@record(frozen=False)
class _Words:
    flags: dict[str, str] = field(default_factory=dict)
    rest: list[bytes] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


class _BadLine(ValueError):
    pass


def parse_line(text: str) -> Parsed:
    """Read one line; a leading ``:``, ``$`` or ``etcdctl`` and assignments such as ``ETCDCTL_API=3`` are dropped."""
    try:
        return _parse(text.strip().lstrip(":").strip())
    except (_BadLine, WordsError) as error:
        return Parsed(error=str(error))


def _parse(text: str) -> Parsed:
    first, _, others = text.partition("\n")
    words = split_words(first)
    notices: list[str] = []
    while words and (words[0] in (b"$", b"#", b"sudo", b"etcdctl") or words[0].split(b"=")[0].startswith(b"ETCDCTL_")):
        dropped = words.pop(0)
        if dropped.startswith(b"ETCDCTL_") and not dropped.startswith(b"ETCDCTL_API"):
            notices.append(f"{dropped.split(b'=')[0].decode('utf-8', 'replace')} is ignored")
    words, ignored = _drop_globals(words)
    notices += ignored
    if not words:
        return Parsed(notices=tuple(notices), error="There is no command; :help lists them.")
    name = words[0].decode("utf-8", "backslashreplace")
    if name == "txn":
        return Parsed(Txn(others.strip("\n") and others), tuple(notices))
    if others.strip():
        return Parsed(notices=tuple(notices), error="One line is one command (only txn takes more).")
    if name in _PARSERS:
        command = _PARSERS[name](words[1:], notices)
        return Parsed(command, tuple(notices))
    if name in VERBS or name in GROUPS:
        return Parsed(Verb(name, tuple(words[1:])), tuple(notices))
    return Parsed(notices=tuple(notices), error=_unknown(name))


def _unknown(name: str) -> str:
    near = [v for v in (*VERBS, *GROUPS) if v[:2] == name[:2]]
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{name[:40]} is no command.{hint} :help lists them."


def _drop_globals(words: list[bytes]) -> tuple[list[bytes], list[str]]:
    kept: list[bytes] = []
    notices: list[str] = []
    i = 0
    while i < len(words):
        word = words[i].decode("utf-8", "replace")
        i += 1
        if word == "--":
            kept.extend(words[i - 1 :])
            break
        name, equals, _ = word.removeprefix("--").partition("=")
        short = SHORT_GLOBALS.get(word)
        if short or (word.startswith("--") and name in GLOBAL_FLAGS):
            name = short or name
            if not equals and name not in GLOBAL_SWITCHES:
                i += 1
            notices.append(f"--{name} is ignored: this profile decides")
        else:
            kept.append(words[i - 1])
    return kept, notices


def _take(words: list[bytes], switches: set[str], valued: set[str], command: str) -> _Words:
    out = _Words()
    i = 0
    while i < len(words):
        raw = words[i]
        i += 1
        if raw == b"--":
            out.rest.extend(words[i:])
            break
        if not raw.startswith(b"--"):
            out.rest.append(raw)
            continue
        name, equals, value = raw[2:].decode("utf-8", "replace").partition("=")
        if name in switches:
            if value != "false":
                out.flags[name] = "true"
        elif name in valued:
            if not equals:
                if i >= len(words):
                    raise _BadLine(f"--{name} needs a value.")
                value = words[i].decode("utf-8", "replace")
                i += 1
            out.flags[name] = value
        else:
            raise _BadLine(f"{command} knows no --{name[:40]}.")
    return out


def _number(flags: dict[str, str], name: str) -> int:
    text = flags.get(name, "0")
    if not text.isascii() or not text.isdigit():
        raise _BadLine(f"--{name} wants a number, not {text[:40]}.")
    return int(text)


def _range(out: _Words, command: str) -> tuple[bytes, bytes]:
    prefix, from_key = "prefix" in out.flags, "from-key" in out.flags
    if prefix and from_key:
        raise _BadLine("--prefix and --from-key exclude each other.")
    if not out.rest and (prefix or from_key):
        return prefix_range(b"")
    if not 1 <= len(out.rest) <= 2 or (len(out.rest) == 2 and (prefix or from_key)):
        raise _BadLine(f"{command} wants one key (or a key and a range end).")
    key = out.rest[0]
    if prefix:
        return prefix_range(key)
    if from_key:
        return key or b"\0", FROM_KEY
    if not key:
        raise _BadLine("The key is empty.")
    return key, out.rest[1] if len(out.rest) == 2 else b""


SORT_TARGETS = {"key": "key", "create": "create", "createrevision": "create", "mod": "mod", "modify": "mod",
                "modrevision": "mod", "value": "value", "version": "version"}  # fmt: skip
ORDERS = {"ascend": "ascend", "asc": "ascend", "descend": "descend", "desc": "descend"}


def _choice(flags: dict[str, str], name: str, known: dict[str, str]) -> str:
    text = flags.get(name, "").lower()
    if text and text not in known:
        raise _BadLine(f"--{name} knows {', '.join(dict.fromkeys(known.values()))}, not {text[:40]}.")
    return known.get(text, "")


def _get(words: list[bytes], notices: list[str]) -> Get:
    out = _take(
        words,
        {"prefix", "from-key", "keys-only", "print-value-only", "count-only"},
        {"rev", "limit", "sort-by", "order", "consistency"},
        "get",
    )
    key, end = _range(out, "get")
    return Get(
        key,
        end,
        _number(out.flags, "rev"),
        "keys-only" in out.flags,
        _number(out.flags, "limit"),
        _choice(out.flags, "sort-by", SORT_TARGETS),
        _choice(out.flags, "order", ORDERS),
    )


def _put(words: list[bytes], notices: list[str]) -> Put:
    file = ""
    if b"<" in words:
        at = words.index(b"<")
        if at + 2 != len(words):
            raise _BadLine("After < comes one file name.")
        file = words[at + 1].decode("utf-8", "surrogateescape")
        words = words[:at]
    out = _take(words, {"ignore-lease", "prev-kv", "ignore-value"}, {"lease"}, "put")
    if "ignore-value" in out.flags:
        raise _BadLine("--ignore-value changes only the lease; use the lease action (t) of the key.")
    lease = parse_lease(out.flags["lease"]) if "lease" in out.flags else 0
    if len(out.rest) == 2 and not file:
        return Put(_key(out.rest[0]), out.rest[1], "", lease, "ignore-lease" in out.flags)
    if len(out.rest) == 1:
        return Put(_key(out.rest[0]), None, file or "-", lease, "ignore-lease" in out.flags)
    raise _BadLine("put wants KEY VALUE, or KEY < FILE.")


def _key(key: bytes) -> bytes:
    if not key:
        raise _BadLine("The key is empty.")
    return key


def parse_lease(text: str) -> int:
    """A lease ID as etcdctl writes it: hex, with or without ``0x``; raises ``ValueError``."""
    try:
        value = int(text.removeprefix("0x"), 16)
    except ValueError:
        raise _BadLine(f"{text[:40]} is no lease ID (hex).") from None
    if not 0 <= value < 2**63:
        raise _BadLine("A lease ID has at most 63 bits.")
    return value


def _del(words: list[bytes], notices: list[str]) -> Del:
    out = _take(words, {"prefix", "from-key", "prev-kv", "range"}, set(), "del")
    return Del(*_range(out, "del"))


def _watch(words: list[bytes], notices: list[str]) -> WatchKeys:
    out = _take(words, {"prefix", "from-key", "prev-kv", "interactive", "progress-notify"}, {"rev"}, "watch")
    key, end = _range(out, "watch")
    return WatchKeys(key, end, _number(out.flags, "rev"), "prev-kv" in out.flags)


_PARSERS: dict[str, Callable[[list[bytes], list[str]], Command]] = {
    "get": _get,
    "put": _put,
    "del": _del,
    "watch": _watch,
}


def complete(text: str, history: tuple[str, ...] = ()) -> str:
    """The rest of the line as a ghost: from history (newest last), else from the verbs and screen names."""
    if not text:
        return ""
    for old in reversed(history):
        if old.startswith(text) and old != text:
            return old[len(text) :]
    head, _, tail = text.rpartition(" ")
    pool: tuple[str, ...] = tuple(SCREENS.values()) if head == "go" else (*VERBS, *GROUPS) if not head else ()
    return next((word[len(tail) :] for word in pool if tail and word.startswith(tail) and word != tail), "")
