"""YAML reduced to what a configuration needs: mappings, lists and texts, with the line of each.

Scalars stay text (``no``, ``012345`` and ``1:30`` mean what they say); anchors, aliases, merges, tags, duplicate
keys and several documents are refused. It is read from the parser's events, so no object is ever constructed and no
alias can multiply. Messages name line and column and never quote the file: a line may hold a password.
"""

from __future__ import annotations

import re

from etcdtui import config
from etcdtui.config.nodes import Document, Node, Scalar, Section, YamlRefused

MAX_BYTES = 256 * 1024
FLAT_LINES = 500
FLAT_LINE = re.compile(
    r"""([a-z_]{1,64}):[ ]+(?: "([^"\\]*)" | '([^']*)' | ([A-Za-z][\w-]*(?:[ ][\w-]+)*|[0-9]+) )[ ]*([ ]\#.*)?""",
    re.ASCII | re.VERBOSE,
)


def read(data: bytes) -> Document:
    """Parse one document. Raises ``YamlRefused``, and nothing else, for what cannot be read."""
    if len(data) > MAX_BYTES:
        raise YamlRefused(1, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlRefused(line, f"byte {error.start} of the file is not UTF-8") from None
    if (flat := _flat(text)) is not None:
        return Document(flat)
    document: Document = config.yaml_parser.parse(text)  # PyYAML: most starts have nothing to read that needs it
    return document


def _flat(text: str) -> Section | None:
    """A text of nothing but ``name: word`` and ``name: "text"`` lines, as themes are, read without a parser.

    None for anything that is not as plain as that, duplicates included: the parser has the last word.
    """
    lines = text.split("\n")
    if len(lines) > FLAT_LINES or not text.isascii():
        return None
    entries: dict[str, Node] = {}
    at: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.isprintable():
            return None
        if not line or line.startswith("#"):
            continue
        found = FLAT_LINE.fullmatch(line)
        if found is None or found[1] in entries:
            return None
        name, double, single, plain, comment = found.groups()
        quoted = single if double is None else double
        is_plain = quoted is None
        entries[name] = Scalar(plain if is_plain else quoted, number, is_plain, is_plain and comment is not None)
        at[name] = number
    return Section(entries, at, min(at.values())) if entries else None
