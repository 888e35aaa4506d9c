"""The order of detection: a type is claimed by proof, in this order, and the first proof wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from etcdtui.core.decoding import binary, compressed, hints, kubernetes, scalars, structured
from etcdtui.core.decoding.result import MAX_JSON, MAX_SLOW_PARSE, Decoded, Hooks, Request, TextRequest, View
from etcdtui.core.decoding.text_view import hex_view, masked_text, text_view
from etcdtui.core.decoding.wire import as_text
from etcdtui.core.units import format_size

_TEXT_KINDS: tuple[Callable[[TextRequest], Decoded | None], ...] = (
    structured.detect_json,
    structured.detect_json_lines,
    scalars.detect_number,
    scalars.detect_time,
    scalars.detect_pem,
    structured.detect_xml,
    scalars.detect_jwt,
    structured.detect_toml,
    structured.detect_yaml,
)
_BINARY_KINDS: tuple[Callable[[Request], Decoded | None], ...] = (
    binary.detect_utf16,
    binary.detect_msgpack,
    binary.detect_protobuf,
)


class Decoders:
    """Decodes values with the abilities in ``hooks``. No I/O but the hooks'; large values belong in a thread."""

    def __init__(self, hooks: Hooks | None = None) -> None:
        self.hooks = hooks or Hooks()

    def decode(
        self,
        key: bytes,
        value: bytes,
        *,
        mask: frozenset[str] = frozenset(),
        reveal: bool = False,
        force: bool = False,
    ) -> Decoded:
        """What ``value`` is and how it can be seen; never raises for any bytes.

        ``mask`` are names of fields whose content is hidden unless ``reveal``; ``force`` parses beyond the limits.
        """
        lowered = frozenset(name.lower() for name in mask)
        return _decode(Request(key, value, lowered, reveal, force, False, self.hooks))


def _decode(request: Request) -> Decoded:
    problem = ""
    if request.hooks.profile is not None and not request.nested:
        made = request.hooks.profile(request)
        if made is not None and made.views:
            return made
        problem = made.problem if made else ""
    found = _detect(request)
    return replace(found, problem=problem) if problem else found


def _detect(request: Request) -> Decoded:
    value = request.value
    if not value:
        return Decoded("empty", "no bytes", (text_view(""),))
    managed = kubernetes.detect(request)
    if managed is not None:
        return managed
    if not request.nested:
        inside = compressed.detect(request)
        if inside is not None:
            return inside if isinstance(inside, Decoded) else _unpacked(request, *inside)
    named = binary.detect_magic(request)
    if named is not None:
        return named
    text = as_text(value)
    if text is not None:
        return _text(request, text)
    for detect in _BINARY_KINDS:
        found = detect(request)
        if found is not None:
            return found
    return binary.describe(request)


def _unpacked(request: Request, name: str, content: bytes) -> Decoded:
    inner = _detect(replace(request, value=content, nested=True))
    views = [view for view in inner.views if view.name != "hex"]
    inside = next((View("hex inside", v.lines) for v in inner.views if v.name == "hex"), None)
    hints_of = (f"{format_size(len(content))} unpacked", *inner.hints)
    outer = (*views, *([inside] if inside else []), hex_view(request.value, hidden=inner.masked))
    return replace(inner, kind=f"{name} > {inner.kind}", views=outer, hints=hints_of)


def _text(request: Request, text: str) -> Decoded:
    stripped = text.strip(" \t\r\n")
    if not stripped:
        return Decoded("whitespace", f"{len(text)} characters of it", (text_view(text), hex_view(request.value)))
    given = TextRequest(request, text, stripped)
    for detect in _TEXT_KINDS:
        found = detect(given)
        if found is not None:
            if found.kind in ("integer", "number"):
                first, *others = found.views
                made = (first, *hints.number_views(stripped), *others)
                return replace(found, views=made, hints=hints.number_hints(stripped))
            if found.kind == "time":
                first, *others = found.views
                return replace(found, views=(first, *hints.time_views(stripped), *others))
            return found
    shown, masked = masked_text(text, request.hidden_fields)
    views = [text_view(shown), hex_view(request.value, hidden=masked)]
    chips = list(hints.text_hints(stripped, lambda data: _kind_inside(request, data)))
    limit = MAX_JSON if stripped[0] in "{[" else MAX_SLOW_PARSE
    unparsed = not request.small(limit)
    if unparsed:
        chips.append(f"{format_size(len(request.value))}, not parsed (v forces)")
    elif structured.yaml_hint(given):
        chips.append("valid YAML")
        views.insert(1, text_view(shown, "YAML", "yaml"))
    return Decoded("text", "UTF-8", tuple(views), hints=tuple(chips), masked=masked, unparsed=unparsed)


def _kind_inside(request: Request, data: bytes) -> str:
    """The kind of base64's content; text and numbers are no proof of anything."""
    return _detect(replace(request, value=data, nested=True, reveal=True)).kind if data else "empty"
