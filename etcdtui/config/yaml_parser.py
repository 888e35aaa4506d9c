"""The slow half of ``strict_yaml``: nodes from the events of PyYAML's parser. Importing PyYAML takes its time."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from etcdtui.config.nodes import Document, Items, Node, Scalar, Section, YamlRefused

MAX_DEPTH = 12
MAX_NODES = 20_000
SYNTAX = (
    "this is not YAML as it is read here: indent with spaces, and quote a text that starts with one of"
    " @ ` & * ! | > % { [ or that holds ': ' or ' #'"
)


def parse(text: str) -> Document:
    """Raises ``YamlRefused``, and nothing else."""
    builder = _Builder(text)
    try:
        root = builder.document()
    except YamlRefused:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlRefused(mark.line + 1 if mark else 1, _syntax(text, mark)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlRefused(line, "a control character is not allowed here") from None
    except Exception as error:  # noqa: BLE001 - the parser must not end the program, whatever it raises
        raise YamlRefused(1, f"the file cannot be parsed ({type(error).__name__})") from None
    return Document(root, builder.problems)


def _syntax(text: str, mark: yaml.Mark | None) -> str:
    if mark is None:
        return SYNTAX
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab is used for indentation; use spaces"
    return f"column {mark.column + 1}: {SYNTAX}"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Builder:
    """Builds nodes from parser events and notes what is refused on the way."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=yaml.BaseLoader))
        self._nodes = 0
        self.problems: list[tuple[int, str]] = []

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlRefused(_line(event), "a second document (---) is not read")
                root = self._node(next(self._events), 0)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise YamlRefused(line, f"nested deeper than {MAX_DEPTH} levels")
        if self._nodes > MAX_NODES:
            raise YamlRefused(line, f"more than {MAX_NODES} entries")
        if isinstance(event, yaml.AliasEvent):
            self.problems.append((line, "aliases (*name) are not read; quote the text if it starts with *"))
            return Scalar("", line)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.problems.append((line, "anchors (&name) are not read; quote the text if it starts with &"))
        if getattr(event, "tag", None) is not None:
            self.problems.append((line, "tags (!name) are not read; quote the text if it starts with !"))
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None
            return Scalar(event.value, line, plain, plain and self._comment_after(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(line, depth)
        return self._section(line, depth)

    def _comment_after(self, event: yaml.ScalarEvent) -> bool:
        start = event.end_mark.index if event.end_mark else len(self._text)
        end = self._text.find("\n", start)
        rest = self._text[start : end if end >= 0 else len(self._text)]
        return rest.lstrip(" ").startswith("#")

    def _items(self, line: int, depth: int) -> Items:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Items(tuple(items), line)

    def _section(self, line: int, depth: int) -> Section:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = _line(event)
            name = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(name, Scalar):
                self.problems.append((at, "the name of an entry must be a text"))
            elif name.plain and name.text == "<<":
                self.problems.append((at, "merge keys (<<) are not read; write the entries out"))
            elif name.text in entries:
                self.problems.append((at, f"an entry is given twice; the first is in line {lines[name.text]}"))
            else:
                entries[name.text] = value
                lines[name.text] = at
        return Section(entries, lines, line)
