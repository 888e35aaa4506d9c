"""Values that are documents: which format one is proven to be, its fields, and what is wrong after an edit."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import cast
from xml.parsers import expat

from etcdtui.core.decoding import json_text, kubernetes
from etcdtui.core.decoding.registry import Decoders
from etcdtui.core.decoding.result import MAX_JSON, Decoded, Hooks
from etcdtui.core.tree import Number, Tree
from etcdtui.core.value import Value
from etcdtui.services.values import packing
from etcdtui.services.values.yaml_values import parse_yaml
from etcdtui.services.values.zstd import inflater

_KINDS = Decoders(Hooks(parse_yaml=parse_yaml, inflate_zstd=inflater()))


def kind_of(value: bytes) -> str:
    """What the value is proven to be, in the words the Keys screen shows: ``JSON``, ``YAML``, ``integer``, ``text``."""
    return _KINDS.decode(b"", value).kind


def decode(value: bytes, *, mask: frozenset[str] = frozenset(), reveal: bool = False) -> Decoded:
    """The value as it is shown without the rules of a profile."""
    return _KINDS.decode(b"", value, mask=mask, reveal=reveal)


def is_object(kind: str) -> bool:
    """Whether a document's kind is one of the kube-apiserver's."""
    return kind.startswith("Kubernetes ")


class Document(Value):
    """A parsed value of a format that has fields."""

    kind: str
    tree: Tree


def read(value: bytes) -> Document | None:
    """The fields of a JSON, YAML or TOML value, also a compressed one, or of a Kubernetes object; else ``None``."""
    if len(value) > MAX_JSON:
        return None
    if value.startswith((kubernetes.MAGIC, kubernetes.ENCRYPTED)):
        stored = kubernetes.read_object(value)
        return Document(stored.kind, stored.data) if stored is not None else None
    if (packed := packing.unpack(value)) is not None:
        inner = read(packed.content) if packing.unpack(packed.content) is None else None
        return Document(f"{packed.format} > {inner.kind}", inner.tree) if inner is not None else None
    if value.lstrip()[:1] in (b"{", b"["):
        try:
            return Document("JSON", parse_json(value))
        except ValueError:
            pass
    if b"\n" not in value.strip():
        return None
    kind = kind_of(value)
    try:
        return Document(kind, PARSERS[kind](value)) if kind in PARSERS else None
    except ValueError:
        return None


def parse_json(value: bytes) -> Tree:
    return json_text.parse(value.decode())


def _parse_yaml(value: bytes) -> Tree:
    return parse_yaml(value.decode())


def _parse_toml(value: bytes) -> Tree:
    try:
        tree = tomllib.loads(value.decode().replace("\r\n", "\n"), parse_float=Number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return cast(Tree, tree)  # dates and times are compared and shown like any other scalar


PARSERS: dict[str, Callable[[bytes], Tree]] = {"JSON": parse_json, "YAML": _parse_yaml, "TOML": _parse_toml}
"""Each raises ``ValueError``."""


class Syntax(Value):
    """``kind`` is what the value was, ``problem`` a sentence when the edited one is not that any more."""

    kind: str
    problem: str = ""


def check_syntax(before: bytes | None, after: bytes) -> Syntax:
    """Whether an edited value is still of the format the value was proven to have; a new one, of what it looks like."""
    if before is not None and (old := packing.unpack(before)) is not None:
        new = packing.unpack(after)
        if new is None or new.format != old.format:
            return Syntax(kind_of(before), f"It is not {old.format} any more, but {kind_of(after)}.")
        inner = check_syntax(old.content, new.content)
        return Syntax(f"{old.format} > {inner.kind}", inner.problem)
    kind = kind_of(after if before is None else before)
    if before is None and kind == "text" and after.lstrip()[:1] in (b"{", b"["):
        kind = "JSON"
    check = _CHECKS.get(kind)
    if check is not None:
        return Syntax(kind, check(after))
    if kind in ("integer", "number"):
        now = kind_of(after)
        return Syntax(kind, "" if now in ("integer", "number") else f"It is no longer a number, but {now}.")
    try:
        (after if before is None else before).decode()
    except UnicodeDecodeError:
        return Syntax("binary")
    try:
        after.decode()
    except UnicodeDecodeError:
        return Syntax("text", "The value is no longer UTF-8.")
    return Syntax("text")


def _json_problem(value: bytes) -> str:
    try:
        text = value.decode()
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"Line {error.lineno}, column {error.colno}: {error.msg.removesuffix(' at')}."
    except UnicodeDecodeError:
        return "The value is not UTF-8."
    except (RecursionError, ValueError):
        pass
    return "" if json_text.is_json(text) else "This is not strict JSON: NaN and Infinity are not allowed."


def _json_lines_problem(value: bytes) -> str:
    for number, part in enumerate(value.split(b"\n"), 1):
        if part.strip() and (problem := _json_problem(part)):
            return f"Line {number} is not JSON: {problem}"
    return ""


def _yaml_problem(value: bytes) -> str:
    try:
        tree = _parse_yaml(value)
    except UnicodeDecodeError:
        return "The value is not UTF-8."
    except ValueError as error:
        return f"{str(error).capitalize().replace('yaml', 'YAML')}."
    return "" if isinstance(tree, dict | list) else "It is no longer a mapping or a list."


def _toml_problem(value: bytes) -> str:
    try:
        _parse_toml(value)
    except UnicodeDecodeError:
        return "The value is not UTF-8."
    except ValueError as error:
        return f"{error}."
    return ""


def _xml_problem(value: bytes) -> str:
    parser = expat.ParserCreate()
    try:
        parser.Parse(value.lstrip(), True)
    except expat.ExpatError as error:
        return f"Line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}."
    return ""


_CHECKS: dict[str, Callable[[bytes], str]] = {
    "JSON": _json_problem,
    "JSON string": _json_problem,
    "JSON lines": _json_lines_problem,
    "YAML": _yaml_problem,
    "TOML": _toml_problem,
    "XML": _xml_problem,
}
