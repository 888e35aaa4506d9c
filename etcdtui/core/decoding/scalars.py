"""Single things written as text: numbers, times, PEM, JWT."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from etcdtui.core.decoding import json_text
from etcdtui.core.decoding.result import HIDDEN, MAX_SLOW_PARSE, Decoded, Fact, TextRequest, View
from etcdtui.core.decoding.text_view import hex_view, text_view

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+(?P<body>.*?)-----END \1-----", re.DOTALL)
_HEADER_LINE = re.compile(r"^[A-Za-z-]+:.*$", re.MULTILINE)
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_JWT_TIMES = ("exp", "nbf", "iat")
MAX_PEM_BLOCKS = 20
MAX_PEM_LABELS = 100
MAX_SCALAR = 64 * 1024
FIRST_YEAR, LAST_YEAR = 2000, 2099


def detect_number(given: TextRequest) -> Decoded | None:
    text = given.stripped
    if len(text) > MAX_SCALAR:
        return None
    if _INTEGER.fullmatch(text):
        return _plain(given, "integer", "digits only")
    return _plain(given, "number", "digits, point, exponent") if _FLOAT.fullmatch(text) else None


def detect_time(given: TextRequest) -> Decoded | None:
    match = _RFC3339.fullmatch(given.stripped)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return _plain(given, "time", "RFC 3339") if second <= 60 else None


def detect_pem(given: TextRequest) -> Decoded | None:
    """One or more whole blocks whose bodies are base64; certificates are described when that is possible."""
    if not given.stripped.startswith("-----BEGIN ") or "-----END " not in given.stripped:
        return None
    if not given.request.small(MAX_SLOW_PARSE) or given.stripped.count("-----BEGIN ") > MAX_PEM_LABELS:
        return None
    facts: list[Fact] = []
    rows: list[str] = []
    secret = False
    count = 0
    for count, match in enumerate(_PEM.finditer(given.stripped), 1):
        if count > MAX_PEM_BLOCKS:
            rows.append("further blocks are not looked at")
            break
        body = _HEADER_LINE.sub("", match["body"])
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
        secret = secret or "PRIVATE KEY" in match[1]
        described = _certificate(given, match[1], der)
        rows += [f"{count}. {match[1]}, {len(der)} bytes", *(f"   {fact.name}: {fact.value}" for fact in described)]
        facts += described if not facts else []
    if not count:
        return None
    hide = secret and bool(given.request.hidden_fields)
    views = (
        View("PEM", lambda: rows),
        View("text", lambda: [HIDDEN]) if hide else text_view(given.text),
        hex_view(given.request.value, hidden=hide),
    )
    names = tuple(Fact("block", match[1]) for match in _PEM.finditer(given.stripped))[:MAX_PEM_BLOCKS]
    return Decoded("PEM", "every block decodes", views, facts=(*names, *facts), masked=hide)


def _certificate(given: TextRequest, label: str, der: bytes) -> Sequence[Fact]:
    describe = given.request.hooks.describe_certificate
    if describe is None or label not in ("CERTIFICATE", "TRUSTED CERTIFICATE"):
        return ()
    try:
        return describe(der)
    except ValueError as problem:
        return (Fact("unreadable", str(problem)),)


def detect_jwt(given: TextRequest) -> Decoded | None:
    """Three base64url parts, the first a JSON object with ``alg``, the second a JSON object. Never verified."""
    text = given.stripped
    if len(text) > MAX_SCALAR or not _JWT.fullmatch(text):
        return None
    parts = [_json_part(part) for part in text.split(".")[:2]]
    header, claims = parts
    if header is None or claims is None or '"alg"' not in header:
        return None
    try:
        loaded = json.loads(claims), json.loads(header)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(part, dict) for part in loaded) or "alg" not in loaded[1]:
        return None
    facts = [Fact("alg", str(loaded[1]["alg"])), Fact("signature", "not verified")]
    for name in _JWT_TIMES:
        value = loaded[0].get(name)
        if isinstance(value, (int, float)) and (when := epoch(int(value))):
            facts.append(Fact(name, when))
    hide = bool(given.request.hidden_fields)
    rows = [
        *json_text.pretty(header),
        *json_text.pretty(claims, given.request.hidden_fields),
    ]
    stored = View("text", lambda: [HIDDEN]) if hide else text_view(given.text)
    views = (View("JWT", lambda: rows, "json"), stored, hex_view(given.request.value, hidden=hide))
    return Decoded("JWT", "header and claims parsed", views, facts=tuple(facts), masked=hide)


def _json_part(part: str) -> str | None:
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if text.lstrip().startswith("{") and json_text.is_json(text) else None


def epoch(seconds: int) -> str | None:
    """A time in UTC when it lies in this century, the only years a guess is worth something."""
    if not 946_684_800 <= seconds < 4_102_444_800:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(given: TextRequest, kind: str, how: str) -> Decoded:
    return Decoded(kind, how, (text_view(given.text), hex_view(given.request.value)))
