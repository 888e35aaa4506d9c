"""Values of the kube-apiserver: the protobuf envelope, its body by the shipped schema, and encrypted values.

View only: nothing here can be written back.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache

from etcdtui.core.decoding import kube_object
from etcdtui.core.decoding.kube_names import ANY_KIND
from etcdtui.core.decoding.result import HIDDEN, Decoded, Fact, Lines, Request, View
from etcdtui.core.decoding.text_view import hex_view
from etcdtui.core.decoding.wire import FieldValue, Message, NotProtobufError, parse
from etcdtui.core.decoding.wire_render import Renderer, mentions, time_of
from etcdtui.core.decoding.yaml_lines import Data, yaml_lines
from etcdtui.core.tree import Path
from etcdtui.core.value import Value

OPAQUE = "Kubernetes Secret"
DIGEST = 12
"""Hexadecimal digits that tell one ciphertext from another."""
MAGIC = b"k8s\0"
ENCRYPTED = b"k8s:enc:"
OWNER = "kube-apiserver"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def detect(request: Request) -> Decoded | None:
    if request.value.startswith(ENCRYPTED):
        return _encrypted(request.value)
    return _envelope(request) if request.value.startswith(MAGIC) else None


class Encrypted(Value):
    """What a value that is encrypted at rest tells: ``k8s:enc:<provider>:<version>:<key name>:<ciphertext>``."""

    provider: str
    version: str
    key: str
    ciphertext: bytes


def encrypted(value: bytes) -> Encrypted | None:
    """Who encrypted the value and with which key; ``None`` when nobody did."""
    if not value.startswith(ENCRYPTED):
        return None
    parts = value.split(b":", 5)
    if len(parts) < 6 or not all(part.isascii() and 0 < len(part) < 300 for part in parts[2:5]):
        return None
    provider, version, key = (part.decode() for part in parts[2:5])
    return Encrypted(provider, version, key, parts[5])


def _encrypted(value: bytes) -> Decoded | None:
    made = encrypted(value)
    if made is None:
        return None
    facts = (
        Fact("provider", f"{made.provider} {made.version}"),
        Fact("key", made.key),
        Fact("ciphertext", f"{len(made.ciphertext)} B"),
    )
    return Decoded("Kubernetes encrypted", "prefix k8s:enc:", (hex_view(value),), facts=facts, managed_by=OWNER)


class Object(Value):
    """A stored object as data, all of it: ``kind`` in the words the Keys screen shows."""

    kind: str
    data: dict[str, Data]


def read_object(value: bytes) -> Object | None:
    """The object of an envelope whose kind the shipped table has, or what is told of an encrypted one."""
    if (made := encrypted(value)) is not None:
        digest = hashlib.sha256(made.ciphertext).hexdigest()[:DIGEST]
        told: dict[str, Data] = {
            "provider": f"{made.provider} {made.version}",
            "key": made.key,
            "ciphertext": f"{len(made.ciphertext)} B, SHA-256 {digest}",
        }
        return Object("Kubernetes encrypted", told)
    parts = unwrap(value)
    if parts is None:
        return None
    version, kind, body = parts
    try:
        known = kube_object.read(version, kind, body)
    except NotProtobufError:
        return None
    return Object(f"Kubernetes {kind}", known.data) if known is not None else None


def is_secret(kind: str, path: Path) -> bool:
    """Whether a field of an object of ``kind`` is content of a Secret, hidden whatever the profile says."""
    inside = path[:1] in (("data",), ("stringData",))
    return kind == OPAQUE and (inside or path[:3] == ("metadata", "annotations", APPLIED))


def unwrap(value: bytes) -> tuple[str, str, bytes] | None:
    """apiVersion, kind and body of an envelope, ``None`` for any other value."""
    if not value.startswith(MAGIC):
        return None
    try:
        outer = parse(value[len(MAGIC) :])
    except NotProtobufError:
        return None
    type_meta, raw = outer.first(1), outer.first(2)
    if type_meta is None or not isinstance(type_meta.value, Message):
        return None
    return type_meta.value.text(1), type_meta.value.text(2), raw.raw if raw else b""


def _envelope(request: Request) -> Decoded | None:
    """Kind, apiVersion and body: fields 1 (1 apiVersion, 2 kind), 2 body, 3 encoding, 4 content type."""
    try:
        outer = parse(request.value[len(MAGIC) :])
    except NotProtobufError:
        return None
    type_meta = outer.first(1)
    raw = outer.first(2)
    if type_meta is None or not isinstance(type_meta.value, Message) or outer.text(3):
        return None
    version, kind = type_meta.value.text(1), type_meta.value.text(2)
    body = raw.raw if raw else b""
    try:
        known = kube_object.read(version, kind, body)
        if known is not None:
            return _known(request, kind, version, known)
        message = raw.value if raw and isinstance(raw.value, Message) else parse(body)
    except NotProtobufError:
        named = (Fact("kind", kind), Fact("apiVersion", version))
        problem = "the body does not parse as a message"
        return Decoded(
            f"Kubernetes {kind}", "envelope", (hex_view(request.value),), facts=named, managed_by=OWNER, problem=problem
        )
    renderer = Renderer(request.hidden_fields)

    @cache
    def lines() -> Lines:
        head = ["# decoded without schema; #n is field number n", f"apiVersion: {version}", f"kind: {kind}"]
        return head + list(renderer.lines(message, ANY_KIND))

    hidden = mentions(message, request.hidden_fields)
    views = (View("Kubernetes", lines, "yaml"), hex_view(request.value, hidden=hidden))
    facts = (Fact("kind", kind), Fact("apiVersion", version), *_metadata(message))
    return Decoded(
        f"Kubernetes {kind}", "envelope; body without schema", views, facts=facts, masked=hidden, managed_by=OWNER
    )


def _known(request: Request, kind: str, version: str, known: kube_object.Read) -> Decoded:
    """An object whose kind the shipped table has, as YAML; what is secret in it is hidden until revealed."""
    data = known.data
    secret = kind == "Secret" and not request.reveal
    hidden = request.hidden_fields

    def replaced(name: str) -> str | None:
        return HIDDEN if name.lower() in hidden else None

    @cache
    def short() -> Lines:
        return list(yaml_lines(_folded(shown), replaced))

    @cache
    def whole() -> Lines:
        return list(yaml_lines(shown, replaced))

    shown = _without_secrets(data) if secret else data
    masked = (secret and shown != data) or _mentions(data, hidden)
    views = [View("Kubernetes", short, "yaml")]
    if _folded(data) is not data:
        views.append(View("with managedFields", whole, "yaml"))
    hints = [] if known.exact else [f"{version} is not in the schema: read as the nearest version of {kind}"]
    if known.unknown:
        fields = "1 field is" if known.unknown == 1 else f"{known.unknown} fields are"
        hints.append(f"{fields} newer than the schema and shown as #number")
    meta = data.get("metadata")
    return Decoded(
        f"Kubernetes {kind}",
        "envelope; the Kubernetes API's schema",
        (*views, hex_view(request.value, hidden=masked)),
        hints=tuple(hints),
        facts=(Fact("kind", kind), Fact("apiVersion", version), *(_named(meta) if isinstance(meta, dict) else ())),
        masked=masked,
        managed_by=OWNER,
    )


def _without_secrets(data: dict[str, Data]) -> dict[str, Data]:
    """A Secret without its content, and without the copy of it that kubectl apply leaves in an annotation."""
    out = dict(data)
    for name in ("data", "stringData"):
        if isinstance(content := out.get(name), dict):
            out[name] = dict.fromkeys(content, HIDDEN)
    meta = out.get("metadata")
    if isinstance(meta, dict) and isinstance(notes := meta.get("annotations"), dict) and APPLIED in notes:
        out["metadata"] = {**meta, "annotations": {**notes, APPLIED: HIDDEN}}
    return out


def _folded(data: dict[str, Data]) -> dict[str, Data]:
    """With ``managedFields`` as one line that names the managers; the same object where there are none."""
    meta = data.get("metadata")
    entries = meta.get("managedFields") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(entries, list) or not entries:
        return data
    named = [f"{entry.get('manager')} {entry.get('operation')}" for entry in entries if isinstance(entry, dict)]
    words = f"({len(entries)} folded: {', '.join(dict.fromkeys(named))}; v shows them)"
    return {**data, "metadata": {**meta, "managedFields": words}}


def _mentions(data: Data, names: frozenset[str]) -> bool:
    """Whether one of ``names`` (lower case) is a key anywhere."""
    stack = [data] if names else []
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if any(key.lower() in names for key in one):
                return True
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return False


def _named(meta: dict[str, Data]) -> tuple[Fact, ...]:
    """What an operator asks first: name, namespace, whether it is going, what holds it, whose it is."""
    facts = [Fact(n, str(meta[n])) for n in ("name", "namespace", "deletionTimestamp") if isinstance(meta.get(n), str)]
    finalizers, owners = meta.get("finalizers"), meta.get("ownerReferences")
    if isinstance(finalizers, list) and finalizers:
        facts.append(Fact("finalizers", ", ".join(str(name) for name in finalizers)))
    named = [owner for owner in owners if isinstance(owner, dict)] if isinstance(owners, list) else []
    return (*facts, *(Fact("owner", f"{owner.get('kind')}/{owner.get('name')}") for owner in named))


def _metadata(message: Message) -> list[Fact]:
    metadata = message.first(1)
    if metadata is None or not isinstance(metadata.value, Message):
        return []
    meta = metadata.value
    facts = [Fact(name, meta.text(number)) for number, name in ((1, "name"), (3, "namespace")) if meta.text(number)]
    deleted = meta.first(9)
    if deleted is not None and isinstance(deleted.value, Message):
        facts.append(Fact("deletionTimestamp", time_of(deleted.value) or "set"))
    finalizers = [_text(field) for field in meta.fields if field.number == 14]
    if finalizers:
        facts.append(Fact("finalizers", ", ".join(finalizers)))
    owners = [field.value for field in meta.fields if field.number == 13 and isinstance(field.value, Message)]
    return facts + [Fact("owner", f"{owner.text(1)}/{owner.text(3)}") for owner in owners]


def json_facts(value: bytes) -> tuple[Fact, ...]:
    """The same facts of an object that is stored as JSON, as custom resources are; empty for anything else."""
    try:
        stored = json.loads(value)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(stored, dict) or not isinstance(stored.get("metadata"), dict):
        return ()
    meta = stored["metadata"]
    facts = [Fact(n, str(stored[n])) for n in ("kind", "apiVersion") if isinstance(stored.get(n), str)]
    return (*facts, *_named(meta))


def _text(field: FieldValue) -> str:
    return field.raw.decode("utf-8", "surrogateescape")
