"""The ways in which a value can be written as text and read back: text, hex, base64, a number, a time, laid out.

A compressed value is written as its content, and read back into the same format. Whatever a form writes, read unchanged
it is the same bytes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from functools import partial

from etcdtui.core import moments
from etcdtui.core.decoding import json_style
from etcdtui.core.value import Value
from etcdtui.services.values import layouts, packing
from etcdtui.services.values.packing import Packed
from etcdtui.services.writing.editing import EditMode, editable, hex_text, parse_hex, to_value

BASE64_WIDTH = 76
FORMATTED = "formatted"
ONE_LINE = "formatted, saved on one line"
"""The form of a document that is laid out for the editor only."""
_WIDTHS = {4: "u32", 8: "u64"}

Read = Callable[[str], bytes]


class Form(Value):
    """``text`` is the value in this form, ``read`` the bytes of an edited text, or a ``ValueError`` with a sentence.

    ``name`` is shown in the title, empty for plain text. ``too_big`` says that only ``$EDITOR`` takes it. ``counts``
    is whether the bytes of the text are those of the value.
    """

    id: str
    name: str
    text: str
    read: Read
    too_big: bool = False
    counts: bool = False


def first(value: bytes) -> Form:
    """The form in which a value is edited unless another one is asked for."""
    return next(_forms(value))


def all_of(value: bytes) -> list[Form]:
    """Every form of a value, the usual one first; layouts are not among them."""
    return list(_forms(value))


def another(value: bytes, name: str) -> Form:
    """The form after the one of that id, round and round."""
    known = all_of(value)
    at = next((i for i, form in enumerate(known) if form.id == name), -1)
    return known[(at + 1) % len(known)]


def same(value: bytes, name: str) -> Form:
    """The form of that id, or the usual one where the value has it no longer."""
    return next((form for form in _forms(value) if form.id == name), first(value))


def _forms(value: bytes) -> Iterator[Form]:
    packed = packing.unpack(value)
    if packed is not None:
        for form in _plain_forms(packed.content):
            yield _inside(form, packed, value)
        yield _hex(value, "packed hex", f"hex of the {packed.format} bytes")
    else:
        yield from _plain_forms(value)


def _inside(form: Form, packed: Packed, value: bytes) -> Form:
    def read(text: str) -> bytes:
        return packing.pack(form.read(text), value)

    name = f"{packed.format} content" + (f" as {form.name}" if form.name else "")
    return Form(form.id, name, form.text, read, form.too_big)


def _plain_forms(value: bytes) -> Iterator[Form]:
    shown = editable(value)
    name = "" if shown.mode is EditMode.TEXT else shown.mode.value
    counts = shown.mode is EditMode.TEXT
    if shown.mode is not EditMode.HEX:
        yield Form(shown.mode.name.lower(), name, shown.text, partial(to_value, shown.mode), shown.too_big, counts)
    yield _hex(value)
    yield _base64(value)
    yield from _numbers(value)


def _hex(value: bytes, form: str = "hex", name: str = "hex") -> Form:
    shown = editable(value)
    too_big = shown.too_big if shown.mode is EditMode.HEX else len(value) > HEX_MOST
    return Form(form, name, hex_text(value), parse_hex, too_big)


HEX_MOST = 80 * 1024
"""Bytes of a value that the editor takes as hex or base64."""


def _base64(value: bytes) -> Form:
    text = base64.b64encode(value).decode()
    lines = (text[at : at + BASE64_WIDTH] for at in range(0, len(text), BASE64_WIDTH))
    return Form("base64", "base64", "\n".join(lines), parse_base64, len(value) > HEX_MOST)


def parse_base64(text: str) -> bytes:
    """The bytes of base64 of either alphabet, padding and line ends ignored; raises ``ValueError``."""
    compact = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("This is not base64: letters, digits, + and / only, and none missing.") from None


# --- numbers and times ---------------------------------------------------------------------------------------------


def _numbers(value: bytes) -> Iterator[Form]:
    """What is a number: as a time too, where it can be one; what is a time, as the seconds since 1970."""
    if len(value) in _WIDTHS and editable(value).mode is EditMode.HEX:
        for order in ("big", "little"):
            number = int.from_bytes(value, "big" if order == "big" else "little")
            words = f"{_WIDTHS[len(value)]} {order}-endian"
            read = partial(_to_bytes, len(value), order)
            yield Form(f"number {order}", words, str(number), partial(_read_number, read))
            if unit := moments.unit_of(number):
                yield _time(number, unit, f"time {order}", f"time, {unit} in {words}", read)
        return
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    number_text = text.strip()
    if len(text) > 64:
        return
    ends = (text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :])
    if number_text.isascii() and number_text.isdecimal() and (unit := moments.unit_of(int(number_text))):
        yield _time(int(number_text), unit, "time", f"time, stored as {unit} since 1970",
                    lambda number: f"{ends[0]}{number}{ends[1]}".encode())  # fmt: skip
        return
    for unit in moments.UNITS:
        try:
            number = moments.from_words(number_text, unit)
        except ValueError:
            continue
        if number >= 0:
            yield _seconds(number, unit, number_text, ends)
            return


def _seconds(number: int, unit: str, stored: str, ends: tuple[str, str]) -> Form:
    def read(text: str) -> bytes:
        now = _integer(text)
        words = stored if now == number else moments.in_words(now, unit)
        return f"{ends[0]}{words}{ends[1]}".encode()

    return Form("number", f"{unit} since 1970, stored as a time", str(number), read)


def _time(number: int, unit: str, form: str, name: str, write: Callable[[int], bytes]) -> Form:
    return Form(form, name, moments.in_words(number, unit), lambda text: write(moments.from_words(text, unit)))


def _read_number(write: Callable[[int], bytes], text: str) -> bytes:
    return write(_integer(text))


def _integer(text: str) -> int:
    digits = text.strip().replace(",", "").replace("_", "")
    try:
        return int(digits, 16) if digits.lower().startswith("0x") else int(digits)
    except ValueError:
        raise ValueError("This is not a whole number.") from None


def _to_bytes(width: int, order: str, number: int) -> bytes:
    try:
        return number.to_bytes(width, "big" if order == "big" else "little")
    except OverflowError:
        raise ValueError(f"{number} does not fit into {width} bytes without a sign.") from None


# --- layouts -------------------------------------------------------------------------------------------------------


def laid_out(value: bytes, *, kept: bool = False) -> Form:
    """JSON, YAML or TOML formatted; what was on one line is read back onto one line, unless it is ``kept`` so.

    Raises ``ValueError`` with a sentence for a value that cannot be formatted.
    """
    packed = packing.unpack(value)
    if packed is not None:
        form = laid_out(packed.content, kept=kept)
        inside = _inside(form, packed, value)
        return Form(form.id, inside.name, form.text, inside.read, form.too_big)
    layout = layouts.of(value)
    text = value.decode()
    shown = layout.pretty(text)
    size = editable(shown.encode())
    if layout.restyle is None or kept or not json_style.is_minified(text):
        return Form(FORMATTED, f"{layout.kind} formatted", shown, str.encode, size.too_big, counts=True)
    restyle = layout.restyle

    def read(edited: str) -> bytes:
        return value if edited == shown else restyle(edited, text).encode()

    return Form(ONE_LINE, f"{layout.kind} formatted, saved on one line", shown, read, size.too_big)


def put_back(text: str, value: bytes) -> bytes:
    """The bytes of a laid out text in the layout of ``value``, from which it was laid out. Raises ``ValueError``."""
    form = laid_out(value)
    return value if text == form.text else form.read(text)
