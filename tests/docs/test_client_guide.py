"""The examples of the client guide and the README run against a real etcd and print what they say."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etcdtui.client import ClientOptions, connect
from tests.support import Server

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/client.md")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHOWN = re.compile(r"^\s*print\(.*\) *# (.*)$", re.MULTILINE)


def _examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            yield f"{page}:{text.count(chr(10), 0, match.start()) + 2}", match[1]


EXAMPLES = dict(_examples())


def _printer(out: io.StringIO) -> Callable[..., None]:
    return lambda *words: print(*words, file=out)


@pytest.mark.matrix
@pytest.mark.parametrize("place", EXAMPLES)
async def test_example_prints_what_the_page_says(etcd: Server, tmp_path: Path, place: str) -> None:
    code = EXAMPLES[place].replace("127.0.0.1:2379", etcd.endpoint)
    out = io.StringIO()
    if "asyncio.run(" in code:
        await asyncio.to_thread(exec, code, {"print": _printer(out)})
    else:
        async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client:
            names = {"client": client, "print": _printer(out), "folder": tmp_path}
            compiled = compile(textwrap.dedent(code), place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = eval(compiled, names)
            if inspect.isawaitable(running):
                await running
    assert out.getvalue().splitlines() == [words.strip() for words in SHOWN.findall(code)]


def test_every_page_has_examples() -> None:
    assert {place.partition(":")[0] for place in EXAMPLES} == set(PAGES)
