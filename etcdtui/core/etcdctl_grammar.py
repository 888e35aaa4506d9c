"""The command line ``:`` reads: etcdctl's grammar, so that pasted runbook lines work, and a few verbs of our own.

Nothing is run here: a line becomes a value. A word that is recognised has its effect, is named in a notice with the
reason why it has none, or makes the line refused; none is dropped in silence.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import field
from typing import TypeAlias

from etcdtui.core.etcdctl_args import WATCH, del_op, get_op, put_key, put_op, read_flags, watch_range
from etcdtui.core.etcdctl_groups import GROUPS, read_group
from etcdtui.core.go_text import GoTextError
from etcdtui.core.shell_words import WordsError, cut_at_operator, split_words
from etcdtui.core.txn import PLAIN_GET, GetOptions, OpSpec
from etcdtui.core.value import record

CONNECTION = frozenset({
    "endpoints", "cacert", "cert", "key", "user", "password", "auth-jwt-token", "insecure-transport",
    "insecure-skip-tls-verify", "insecure-discovery", "discovery-srv", "discovery-srv-name", "dial-timeout",
    "command-timeout", "keepalive-time", "keepalive-timeout", "max-request-bytes", "max-recv-bytes",
})  # fmt: skip
"""Flags about the connection: the profile has its own."""
OUTPUT = frozenset({"debug", "hex", "write-out"})
SWITCHES = frozenset({"debug", "hex", "insecure-skip-tls-verify", "insecure-transport", "insecure-discovery"})
SHORT_GLOBALS = {"-w": "write-out", "-d": "discovery-srv"}
ENVIRONMENT = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*=")
WRAPPERS = frozenset({b"$", b"#", b"%", b"sudo", b"env", b"time", b"command"})
"""Words before a command that mean nothing here."""
EXECUTORS = frozenset({b"kubectl", b"oc", b"k3s", b"docker", b"podman", b"nerdctl", b"crictl", b"ssh"})
"""Programs that run etcdctl elsewhere; what they connect to is what the profile is for."""
VERBS = (
    "get", "put", "del", "txn", "watch", "f", "go", "profile", "rev", "at", "census", "diff", "export", "import",
    "filter", "search", "theme", "w", "q", "q!", "help", "keys", "recover", "undelete",
)  # fmt: skip
AS_TYPED = frozenset({"filter", "search"})
"""Verbs whose words have a language of their own, in which ``>`` and quotes are no shell's."""


@record()
class Get:
    """``end`` as in etcd's ranges."""

    key: bytes
    end: bytes = b""
    options: GetOptions = PLAIN_GET


@record()
class Put:
    """``value`` ``None`` with a ``file``: the value is that file's content, ``-`` asks for it in the editor.

    ``ignore_value`` keeps the value that is there, ``ignore_lease`` its lease.
    """

    key: bytes
    value: bytes | None = None
    file: str = ""
    lease: int = 0
    ignore_lease: bool = False
    ignore_value: bool = False


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
    """A verb of ours (``go``, ``profile``, ``rev``, ...) or a group of etcdctl's that a screen answers.

    ``flags`` of a group have their values as texts, ``true`` for a switch.
    """

    name: str
    words: tuple[bytes, ...] = ()
    flags: tuple[tuple[str, str], ...] = ()

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
class _Line:
    """What is left of a line after its wrappings, and what was said about them."""

    words: list[bytes] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


class _BadLine(ValueError):
    pass


def parse_line(text: str) -> Parsed:
    """Read one line, with ``\\`` continuations and what runbooks put around etcdctl; only ``txn`` takes more lines."""
    try:
        return _parse(text.strip().lstrip(":").strip())
    except (_BadLine, WordsError, GoTextError) as error:
        sentence = str(error)
        return Parsed(error=sentence if sentence.endswith((".", "?")) else sentence + ".")


def _parse(text: str) -> Parsed:
    verb, _, rest = text.partition(" ")
    if verb in AS_TYPED and "\n" not in text:
        words = rest.strip().encode("utf-8", "surrogateescape")
        return Parsed(Verb(verb, (words,) if words else ()))
    whole = text.replace("\\\r\n", " ").replace("\\\n", " ")
    first, _, others = whole.partition("\n")
    if (here := _heredoc(first, others)) is not None:
        first, others = here
    head, operator = cut_at_operator(first)
    if operator.strip() and not _harmless(operator):
        raise _BadLine(f"{_shown(operator.strip())}: a shell's part of the line cannot be done here; leave it out")
    line = _unwrapped(split_words(head))
    if not line.words:
        return Parsed(notices=tuple(line.notices), error="There is no command; :help lists them.")
    notices = tuple(line.notices)
    name = line.words[0].decode("utf-8", "backslashreplace")
    if name == "txn":
        if extra := [word for word in line.words[1:] if word not in (b"-i", b"--interactive")]:
            raise _BadLine(f"txn takes its text on the next lines, not {_shown(extra[0].decode('utf-8', 'replace'))}")
        return Parsed(Txn(others.strip("\n") and others), notices)
    if others.strip():
        return Parsed(notices=notices, error="One line is one command (only txn takes more).")
    if name in _PARSERS:
        return Parsed(_PARSERS[name](line.words[1:]), notices)
    if name in GROUPS:
        found = read_group(name, line.words[1:])
        return Parsed(Verb(name, found.words, found.flags), notices)
    if name in VERBS:
        return Parsed(Verb(name, tuple(line.words[1:])), notices)
    return Parsed(notices=notices, error=_unknown(name))


def _heredoc(first: str, others: str) -> tuple[str, str] | None:
    """``txn <<EOF`` and ``txn <<<'text'`` as the command and its text."""
    if found := re.fullmatch(r"(.*?)\s*<<-?\s*(['\"]?)(\w+)\2\s*", first):
        lines = others.split("\n")
        end = next((at for at, line in enumerate(lines) if line.strip() == found[3]), len(lines))
        return found[1], "\n".join(lines[:end])
    before, here, rest = first.partition("<<<")
    if here:
        words = split_words(rest + "\n" + others if others else rest)
        if len(words) == 1:
            return before, words[0].decode("utf-8", "surrogateescape")
    return None


def _harmless(operator: str) -> bool:
    """Redirected error messages change nothing of what a command does."""
    return re.fullmatch(r"(2>\s*(/dev/null|&1)\s*;?|;)\s*", operator.strip()) is not None


def _unwrapped(words: list[bytes]) -> _Line:
    line = _Line()
    while words:
        word = words[0]
        if word in WRAPPERS:
            words = words[1:]
        elif word in EXECUTORS:
            words = _after_executor(words, line)
        elif ENVIRONMENT.match(word):
            if word.startswith(b"ETCDCTL_") and not word.startswith(b"ETCDCTL_API="):
                line.notices.append(
                    f"{_shown(word.split(b'=')[0].decode())} is not used: the connection is this profile's"
                )
            words = words[1:]
        elif word.rpartition(b"/")[2] in (b"etcdctl", b"etcdctl.exe"):
            words = words[1:]
        else:
            break
    line.words = _without_globals(words, line.notices)
    return line


def _after_executor(words: list[bytes], line: _Line) -> list[bytes]:
    """The etcdctl part of ``kubectl exec POD -- etcdctl ...`` and its like, ``sh -c '...'`` included."""
    at = next((i for i, word in enumerate(words) if word.rpartition(b"/")[2] == b"etcdctl"), 0)
    if not at and len(words) > 2 and words[-2] == b"-c":
        words = split_words(cut_at_operator(words[-1].decode("utf-8", "surrogateescape"))[0])
        at = next((i for i, word in enumerate(words) if word.rpartition(b"/")[2] == b"etcdctl"), -1)
    elif not at:
        at = -1
    if at < 0:
        raise _BadLine(f"{_shown(words[0].decode('utf-8', 'replace'))} runs something else than etcdctl")
    line.notices.append("run on this profile's cluster, whatever the line connects to")
    return words[at:]


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, (*VERBS, *GROUPS), 1, 0.6) or [
        v for v in (*VERBS, *GROUPS) if v[:2] == name[:2]
    ]
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{_shown(name)} is no command.{hint} :help lists them."


def _shown(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:39]}…"


def _without_globals(words: list[bytes], notices: list[str]) -> list[bytes]:
    kept: list[bytes] = []
    i = 0
    while i < len(words):
        word = words[i].decode("utf-8", "replace")
        i += 1
        if word == "--":
            kept.extend(words[i - 1 :])
            break
        name, equals, value = word.removeprefix("--").partition("=")
        name = SHORT_GLOBALS.get(word, SHORT_GLOBALS.get(word[:2], "") if word[:3].count("=") else name)
        is_global = word.startswith("--") or word in SHORT_GLOBALS or word[:3] in ("-w=", "-d=")
        if not is_global or name not in CONNECTION | OUTPUT:
            kept.append(words[i - 1])
            continue
        if not equals and name not in SWITCHES:
            value = words[i].decode("utf-8", "replace") if i < len(words) else ""
            i += 1
        if name == "write-out" and value == "table":
            continue  # every answer is one
        if name in OUTPUT:
            told = f"--{name} {_shown(value)}" if value else f"--{name}"
            notices.append(f"{told} has no effect: the answer is shown on a screen")
        else:
            notices.append(f"--{name} is not used: the connection is this profile's")
    return kept


def _get(words: list[bytes]) -> Get:
    found = get_op(words)
    return Get(_key(found), found.end, found.options)


def _put(words: list[bytes]) -> Put:
    file = ""
    if b"<" in words:
        at = words.index(b"<")
        if at + 2 != len(words):
            raise _BadLine("After < comes one file name")
        file = words[at + 1].decode("utf-8", "surrogateescape")
        words = words[:at]
    words = [_plain_lease(word) for word in words]
    found = None if file else put_op(words)
    if found is None:
        found = put_key(words)
        return Put(_key(found), None, file or "-", found.lease, found.ignore_lease)
    value = None if found.ignore_value else found.value
    return Put(_key(found), value, "", found.lease, found.ignore_lease, found.ignore_value)


def _plain_lease(word: bytes) -> bytes:
    """A lease ID with ``0x`` in front, which etcdctl refuses, is what it looks like."""
    for start in (b"--lease=0x", b"0x"):
        if word.startswith(start):
            return start[:-2] + word[len(start) :] if start != b"0x" else word
    return word


def _key(found: OpSpec) -> bytes:
    if not found.key:
        raise _BadLine("The key is empty")
    return found.key


def _del(words: list[bytes]) -> Del:
    found = del_op(words)
    return Del(_key(found), found.end)


def _watch(words: list[bytes]) -> WatchKeys:
    flags = read_flags(words, WATCH, "watch", {"-i": "interactive"})
    if flags.parted and len(flags.rest) > 1:
        raise _BadLine("a program to run for each event is not run here: leave -- and what follows out")
    if not flags.rest and flags.on & {"prefix", "from-key"}:
        flags.rest.append(b"")
    key, end = watch_range(flags)
    if not key:
        raise _BadLine("The key is empty")
    return WatchKeys(key, end, max(0, flags.numbers.get("rev", 0)), "prev-kv" in flags.on)


_PARSERS: dict[str, Callable[[list[bytes]], Command]] = {
    "get": _get,
    "put": _put,
    "del": _del,
    "watch": _watch,
}


def complete(text: str, history: tuple[str, ...] = (), screens: tuple[str, ...] = ()) -> str:
    """The rest of the line as a ghost: from history (newest last), else from the verbs and the names of screens."""
    if not text:
        return ""
    for old in reversed(history):
        if old.startswith(text) and old != text:
            return old[len(text) :]
    head, _, tail = text.rpartition(" ")
    pool: tuple[str, ...] = screens if head == "go" else (*VERBS, *GROUPS) if not head else ()
    return next((word[len(tail) :] for word in pool if tail and word.startswith(tail) and word != tail), "")
