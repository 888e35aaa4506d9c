"""Recognise keys that other programs own, and say what to use instead of writing them.

A key counts as Kubernetes' by its value (``k8s\\0`` protobuf, ``k8s:enc:`` encrypted at rest), by its prefix,
or by being ``compact_rev_key``, the apiserver's own compaction marker.
"""

from __future__ import annotations

PREFIXES = (b"/registry/", b"/kubernetes.io/", b"/openshift.io/")
COMPACT_KEY = b"compact_rev_key"
PROTOBUF_MAGIC = b"k8s\0"
ENCRYPTED_MAGIC = b"k8s:enc:"
MAGIC_BYTES = 8
"""How much of a value is enough for ``value_is_kubernetes``."""


def value_is_kubernetes(value: bytes) -> bool:
    return value.startswith((PROTOBUF_MAGIC, ENCRYPTED_MAGIC))


def is_kubernetes(key: bytes, value: bytes = b"") -> bool:
    """Whether the kube-apiserver owns the key; ``value`` may be just its first bytes."""
    return key == COMPACT_KEY or key.startswith(PREFIXES) or value_is_kubernetes(value)


def object_name(key: bytes) -> bytes:
    """The last path segment: what is typed to delete the object."""
    return key.rstrip(b"/").rsplit(b"/", 1)[-1] or key


def kubectl_hint(key: bytes) -> str:
    """The read-only kubectl command for an apiserver key, or an empty string when the shape is unknown."""
    for prefix in PREFIXES:
        if key.startswith(prefix):
            parts = key[len(prefix) :].decode("utf-8", "replace").split("/")
            break
    else:
        return ""
    if not all(_plain(p) for p in parts) or len(parts) < 2:
        return ""
    if "." in parts[0] and len(parts) >= 3:
        parts = [f"{parts[1]}.{parts[0]}", *parts[2:]]
    if len(parts) == 2:
        return f"kubectl get {parts[0]} {parts[1]} -o yaml"
    return f"kubectl get {parts[0]} -n {parts[1]} {parts[2]} -o yaml"


def _plain(part: str) -> bool:
    return bool(part) and all(c.isalnum() or c in "-._:" for c in part) and part.isascii() and part[0] != "-"


def edit_refusal(key: bytes, value: bytes) -> str:
    """Why this value may not be edited at all, or an empty string."""
    if value.startswith(PROTOBUF_MAGIC):
        return "Editing is off for kubernetes protobuf values: there is no safe re-encoding."
    if value.startswith(ENCRYPTED_MAGIC):
        return "Editing is off for values the kube-apiserver encrypted at rest."
    return ""
