"""Kubernetes values: what an operator asks first is answered without a schema, and secrets stay hidden."""

from __future__ import annotations

from etcdtui.core.decoding.registry import Decoders

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
        "# decoded without schema; #n is field number n",
        "apiVersion: v1",
        "kind: Pod",
        "metadata:",
        "  name: web-1",
        "  namespace: prod",
        "  creationTimestamp: 2023-11-14T22:13:20Z",
        "  deletionTimestamp: 2023-11-14T22:15:00Z",
        "  labels:",
        "    app: web",
        "    tier: front",
        "  ownerReferences:",
        "    kind: ReplicaSet",
        "    name: web",
        "  finalizers: keep/me",
        "spec:",
        "  containers:",
        "  - name: main",
        "    image: nginx:1",
        "  - name: side",
        "    image: x",
        "  nodeName: node-1",
        "status:",
        "  phase: Running",
        "  podIP: 10.0.0.1",
        "  #99: stray",
    ]


def test_a_secret_shows_its_data_only_when_revealed() -> None:
    value = envelope("v1", "Secret", field(1, field(1, "s")) + field(2, field(1, "pw") + field(2, "hunter2")))
    hidden = DECODERS.decode(b"/registry/secrets/a/s", value)
    text = "\n".join(line for view in hidden.views for line in view.lines())
    assert hidden.masked and "hunter2" not in text and "pw: ********" in text and "68 75 6e" not in text
    assert "  pw: hunter2" in DECODERS.decode(b"k", value, reveal=True).views[0].lines()


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
