"""Kubernetes values: what an operator asks first is answered without a schema, and secrets stay hidden."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.decoding.registry import Decoders
from etcdtui.core.decoding.yaml_lines import Data, yaml_lines

DECODERS = Decoders()


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def envelope(version: str, kind: str, body: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, version) + field(2, kind)) + field(2, body) + field(3, "") + field(4, "")


META = (
    field(1, "web-1")
    + field(3, "prod")
    + field(8, field(1, 1_700_000_000))
    + field(9, field(1, 1_700_000_100))
    + field(11, field(1, "app") + field(2, "web"))
    + field(11, field(1, "tier") + field(2, "front"))
    + field(13, field(1, "ReplicaSet") + field(3, "web"))
    + field(14, "keep/me")
)
MAIN = field(2, field(1, "main") + field(2, "nginx:1"))
SIDE = field(2, field(1, "side") + field(2, "x"))
POD = (
    field(1, META)
    + field(
        2,
        field(2, field(1, "main") + field(2, "nginx:1"))
        + field(2, field(1, "side") + field(2, "x"))
        + field(10, "node-1"),
    )
    + field(3, field(1, "Running") + field(6, "10.0.0.1") + field(99, "stray"))
)


def test_a_pod_says_what_where_whose_and_whether_it_is_going() -> None:
    made = DECODERS.decode(b"/registry/pods/prod/web-1", envelope("v1", "Pod", POD))
    assert (made.kind, made.managed_by) == ("Kubernetes Pod", "kube-apiserver")
    assert {(fact.name, fact.value) for fact in made.facts} >= {
        ("kind", "Pod"),
        ("name", "web-1"),
        ("namespace", "prod"),
        ("deletionTimestamp", "2023-11-14T22:15:00Z"),
        ("finalizers", "keep/me"),
        ("owner", "ReplicaSet/web"),
    }
    assert list(made.views[0].lines()) == [
        "apiVersion: v1",
        "kind: Pod",
        "metadata:",
        '  creationTimestamp: "2023-11-14T22:13:20Z"',
        '  deletionTimestamp: "2023-11-14T22:15:00Z"',
        "  finalizers:",
        "  - keep/me",
        "  labels:",
        "    app: web",
        "    tier: front",
        "  name: web-1",
        "  namespace: prod",
        "  ownerReferences:",
        "  - kind: ReplicaSet",
        "    name: web",
        "spec:",
        "  containers:",
        "  - image: nginx:1",
        "    name: main",
        "  - image: x",
        "    name: side",
        "  nodeName: node-1",
        "status:",
        '  "#99": stray',
        "  phase: Running",
        "  podIP: 10.0.0.1",
    ]
    assert made.hints == ("1 field is newer than the schema and shown as #number",)


def test_a_secret_shows_its_data_only_when_revealed() -> None:
    note = field(
        12, field(1, "kubectl.kubernetes.io/last-applied-configuration") + field(2, '{"data":{"pw":"aHVudGVy"}}')
    )
    value = envelope("v1", "Secret", field(1, field(1, "s") + note) + field(2, field(1, "pw") + field(2, "hunter2")))
    hidden = DECODERS.decode(b"/registry/secrets/a/s", value)
    text = "\n".join(line for view in hidden.views for line in view.lines())
    assert hidden.masked and 'pw: "********"' in text
    assert not any(word in text for word in ("hunter2", "aHVudGVy", "68 75 6e"))
    assert "  pw: aHVudGVyMg==" in DECODERS.decode(b"k", value, reveal=True).views[0].lines()


def test_masked_fields_are_hidden_wherever_they_stand() -> None:
    value = envelope("v1", "ConfigMap", field(1, field(1, "c")) + field(2, field(1, "Token") + field(2, "t0p")))
    made = DECODERS.decode(b"k", value, mask=frozenset({"token"}))
    text = "\n".join(line for view in made.views for line in view.lines())
    assert made.masked and "  Token: ********" in text and "t0p" not in text


def test_who_manages_what_is_folded_into_a_line() -> None:
    entry = field(1, "kubectl") + field(2, "Apply") + field(7, field(1, '{"f:spec":{}}'))
    made = DECODERS.decode(
        b"k", envelope("v1", "ConfigMap", field(1, field(1, "c") + field(17, entry) + field(17, entry)))
    )
    assert [view.name for view in made.views] == ["Kubernetes", "with managedFields", "hex"]
    assert '  managedFields: "(2 folded: kubectl Apply; v shows them)"' in made.views[0].lines()
    assert "  - fieldsV1:" in made.views[1].lines()


def test_a_version_that_is_newer_is_read_as_the_nearest_and_says_so() -> None:
    made = DECODERS.decode(b"k", envelope("apps/v9", "Deployment", field(1, field(1, "d"))))
    assert "  name: d" in made.views[0].lines()
    assert made.hints == ("apps/v9 is not in the schema: read as the nearest version of Deployment",)


OBJECTS = (
    ("v1", "Service", field(2, field(1, field(1, "http") + field(3, 80) + field(4, field(1, 1) + field(3, "web")))),
     {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": "web"}]}}),
    ("v1", "Node", field(3, field(1, field(1, "cpu") + field(2, field(1, "3920m")))),
     {"status": {"capacity": {"cpu": "3920m"}}}),
    ("coordination.k8s.io/v1", "Lease",
     field(2, field(1, "me") + field(2, 15) + field(4, field(1, 1_700_000_000) + field(2, 123_456_000))),
     {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2023-11-14T22:13:20.123456Z"}}),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition",
     field(2, field(1, "x.io") + field(5, field(1, field(5, "object") + field(8, field(1, '{"a":[1,null]}'))))),
     {"spec": {"group": "x.io", "validation": {"openAPIV3Schema": {"type": "object", "default": {"a": [1, None]}}}}}),
    ("v1", "Pod", field(2, field(1, field(1, "v") + field(2, field(6, field(1, "s"))))),
     {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}}),
)  # fmt: skip


@pytest.mark.parametrize(("version", "kind", "body", "wanted"), OBJECTS)
def test_objects_become_the_data_that_kubectl_prints(
    version: str, kind: str, body: bytes, wanted: dict[str, Any]
) -> None:
    made = DECODERS.decode(b"k", envelope(version, kind, body))
    shown = yaml.safe_load("\n".join(made.views[0].lines()))
    assert shown == {"apiVersion": version, "kind": kind, **wanted}
    assert made.hints == ()


def test_a_body_cut_anywhere_never_raises() -> None:
    whole = envelope("v1", "Pod", POD)
    for end in range(len(whole)):
        made = DECODERS.decode(b"/registry/pods/a/b", whole[:end])
        assert made.views == () or all(view.lines() is not None for view in made.views)


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
))  # fmt: skip
def test_yaml_says_what_the_data_is(data: Data) -> None:
    assert yaml.safe_load("\n".join(yaml_lines({"x": data}))) == {"x": data}


def test_an_unknown_kind_keeps_field_numbers() -> None:
    made = DECODERS.decode(b"k", envelope("x.io/v1", "Thing", field(1, field(1, "t")) + field(2, field(1, "v"))))
    assert list(made.views[0].lines())[3:] == ["metadata:", "  name: t", "#2:", "  #1: v"]


def test_encrypted_values_name_provider_and_key() -> None:
    made = DECODERS.decode(b"k", b"k8s:enc:aescbc:v1:key1:" + bytes(range(32)))
    assert [(fact.name, fact.value) for fact in made.facts] == [
        ("provider", "aescbc v1"),
        ("key", "key1"),
        ("ciphertext", "32 B"),
    ]
