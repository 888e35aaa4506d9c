"""Transaction text and arguments are read as etcdctl reads them: etcdctl itself is the judge, by what it sends.

``ETCDTUI_TEXTS`` is how many texts are made (default 60 transactions and as many lines).
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from etcdtui.client.txn import txn_request
from etcdtui.core.etcdctl_args import del_op, get_op, put_op
from etcdtui.core.go_text import GoTextError
from etcdtui.core.shell_words import WordsError, split_words
from etcdtui.core.txn import OpSpec, TxnSpec
from etcdtui.core.txn_text import TxnSyntaxError, parse_txn
from etcdtui.demo.binary import Binary
from etcdtui.pb import rpc_pb2
from etcdtui.services.writing.txns import request_of
from tests.core import as_etcdctl
from tests.support.recorder import Recorder
from tests.support.versions import default_binary, matrix_binaries

SEED = os.environ.get("ETCDTUI_SEED", "etcdctl")
TEXTS = int(os.environ.get("ETCDTUI_TEXTS", "60"))
AT_ONCE = 4
GIVE_UP = 20.0
"""Seconds for one etcdctl; it takes some hundredths of one."""
FIELDS = {"KV/Range": "request_range", "KV/Put": "request_put", "KV/DeleteRange": "request_delete_range"}
CAUTIOUS = ("something follows the compare", "quote a value", "quote a key", "put wants a key and a value")
"""Where etcdctl drops words without saying so, or waits for its standard input, we refuse."""
HARD = [
    'put /a {"a":1}\n',
    "put /a 'it''s'\n",
    'put "/a" "two\\nlines"\n',
    'put "/a" "open\n',
    'put a "x"y\n',
    "put a --lease=7f v\n",
    "put a --lease=0x7f v\n",
    "put --ignore-value a\n",
    "put -- -a -b\n",
    'get "a" --sort-by=modify --order=descend --limit=0x10\n',
    "get --from-key ''\n",
    "get '' --prefix\n",
    "del a b --range\n",
]


FULL = (3, 6, 14)
NEWER = ("'", "--range", "--min-", "--max-")
"""What etcdctls before ``FULL`` do not know, or read wrongly: they cut words in single quotes (etcd v3.5.20 and v3.6.0,
etcdctl/ctlv3/command/util.go, mended in v3.5.30 and v3.6.14)."""


def binary() -> Binary:
    """The newest etcd there is, with its etcdctl."""
    found = max([default_binary(), *matrix_binaries()], key=lambda one: one.version)
    assert found.etcdctl is not None
    return found


def ctl() -> str:
    return str(binary().etcdctl)


def fair(text: str) -> bool:
    """Whether this etcdctl can judge the text."""
    return binary().version >= FULL or not any(word in text for word in NEWER)


async def sent(recorder: Recorder, *argv: str, stdin: str = "") -> tuple[str, bytes] | None:
    """What etcdctl sends; ``None`` when it refuses."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        async with asyncio.timeout(GIVE_UP):
            await process.communicate(stdin.encode("utf-8", "surrogateescape"))
    except TimeoutError:  # an etcdctl that waits for something of its own sends nothing
        process.kill()
        await process.wait()
    taken = recorder.take()
    return taken[0] if taken else None


def plain(message: Any) -> Any:
    """A request without what we send otherwise on purpose.

    Previous values are always asked for, and a sort target without an order is sent as ascending, since the server
    would cut before it sorts.
    """
    for op in (*message.success, *message.failure):
        kind = op.WhichOneof("request")
        if kind == "request_put":
            op.request_put.prev_kv = False
        elif kind == "request_delete_range":
            op.request_delete_range.prev_kv = False
        elif kind == "request_range":
            _plain_range(op.request_range)
    return message


def _plain_range(request: Any) -> Any:
    if request.sort_target != rpc_pb2.RangeRequest.KEY and request.sort_order == rpc_pb2.RangeRequest.NONE:
        request.sort_order = rpc_pb2.RangeRequest.ASCEND
    if request.sort_target == rpc_pb2.RangeRequest.KEY and request.sort_order == rpc_pb2.RangeRequest.ASCEND:
        request.sort_order = rpc_pb2.RangeRequest.NONE
    request.limit = max(0, request.limit)
    return request


async def _differs(recorder: Recorder, text: str) -> str:
    """How the two readings of a transaction differ; empty when they do not."""
    theirs = await sent(recorder, ctl(), "--endpoints", recorder.endpoint, "txn", stdin=text + "\n\n\n")
    try:
        spec = parse_txn(text)
    except TxnSyntaxError as error:
        allowed = theirs is None or any(word in str(error) for word in CAUTIOUS)
        return "" if allowed else f"{text!r}: etcdctl takes it, we say {error}"
    return _compare(text, spec, theirs)


def _compare(text: str, spec: TxnSpec, theirs: tuple[str, bytes] | None) -> str:
    if theirs is None:
        return f"{text!r}: etcdctl refuses it, we read {spec}"
    if "empty key" in spec.problem():
        return ""  # told before it is sent; the client would not send it
    wanted, ours = plain(rpc_pb2.TxnRequest.FromString(theirs[1])), plain(txn_request(*request_of(spec)))
    return "" if wanted == ours else f"{text!r}: etcdctl sends\n{wanted}we send\n{ours}"


async def _found(texts: list[str], check: Callable[[Recorder, str], Awaitable[str]]) -> list[str]:
    async def one(at: int) -> list[str]:
        async with Recorder() as own:
            return [told for text in texts[at::AT_ONCE] if (told := await check(own, text))]

    return [told for part in await asyncio.gather(*map(one, range(AT_ONCE))) for told in part]


def _texts(dice: random.Random, hard: Iterable[str], make: Callable[[random.Random], str]) -> list[str]:
    found = [text for text in hard if fair(text)]
    wanted = len(found) + TEXTS
    while len(found) < wanted:
        if fair(text := make(dice)):
            found.append(text)
    return found


@pytest.mark.timeout(3600)
async def test_transaction_text_is_read_as_etcdctl_reads_it() -> None:
    texts = _texts(random.Random(SEED), ("\n" + line for line in HARD), as_etcdctl.transaction)
    assert await _found(texts, _differs) == []


@pytest.mark.timeout(3600)
async def test_arguments_are_read_as_a_shell_and_etcdctl_read_them() -> None:
    texts = _texts(random.Random(SEED), (line.strip() for line in HARD), as_etcdctl.request)
    assert await _found([text for text in texts if as_etcdctl.is_one_command(text)], _line_differs) == []


async def _line_differs(recorder: Recorder, text: str) -> str:
    """How the two readings of a command line differ; the shell's part is done by a shell."""
    argv = ["sh", "-c", f'exec "$0" --endpoints "$1" {text}', ctl(), recorder.endpoint]
    theirs = await sent(recorder, *argv)
    readers: dict[bytes, Callable[[list[bytes]], OpSpec | None]] = {b"get": get_op, b"put": put_op, b"del": del_op}
    try:
        kind, *rest = split_words(text)
        spec = readers[kind](rest) or OpSpec("put", b"")
    except (GoTextError, WordsError) as error:
        allowed = theirs is None or any(word in str(error) for word in CAUTIOUS)
        return "" if allowed else f"{text!r}: etcdctl takes it, we say {error}"
    if theirs is not None:
        field = FIELDS[theirs[0]]
        operation = rpc_pb2.RequestOp()
        getattr(operation, field).MergeFromString(theirs[1])
        theirs = theirs[0], rpc_pb2.TxnRequest(success=[operation]).SerializeToString()
    elif not spec.key:
        return ""  # the value would be typed, or the key is empty: both are told
    return _compare(text, TxnSpec(success=(spec,)), theirs)


def test_etcdctl_is_there_to_judge() -> None:
    assert subprocess.run([ctl(), "version"], capture_output=True, check=True).stdout.startswith(b"etcdctl version")
