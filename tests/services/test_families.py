"""Keys of known programs are named in words, say what a write does, and are gone to by their own names."""

from __future__ import annotations

import pytest

from etcdtui.config.schema import FamilyRule
from etcdtui.core.keynames import PatternProblem, check, pattern
from etcdtui.services.values.families.family import Jump
from etcdtui.services.values.families.known import FAMILIES, KNOWN, Families
from etcdtui.services.writing.editing import plan_edit
from etcdtui.services.writing.guard import Guard, GuardPolicy

NAMES = {
    "/registry/pods/prod/web-1": "Kubernetes: Pod prod/web-1",
    "/registry/minions/node-1": "Kubernetes: Node node-1",
    "/registry/services/specs/prod/web": "Kubernetes: Service prod/web",
    "/registry/example.org/foos/prod/x": "Kubernetes: foos (example.org) prod/x",
    "/registry/apiextensions.k8s.io/customresourcedefinitions/f": "Kubernetes: CustomResourceDefinition f",
    "/registry/pods/prod/": "Kubernetes: Pod, those of prod",
    "/kubernetes.io/namespaces/prod": "Kubernetes: Namespace prod",
    "compact_rev_key": "Kubernetes: the revision that the apiserver compacted last",
    "/registry/ceph.rook.io/cephclusters/rook/my": "Rook: CephCluster rook/my",
    "/registry/secrets/rook/rook-ceph-mon": "Rook: keys of Ceph's monitors in rook",
    "/service/pg-main/members/node-1": "Patroni: member node-1 of pg-main",
    "/apisix/routes/1": "APISIX: route 1",
    "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26": "Calico: addresses of block 10.0.0.0/26",
    "/calico/ipam/v2/host/n/ipv6/block/fd00--40-122": "Calico: block fd00::40/122 of node n",
    "cilium/state/ip/v1/default/10.0.0.1/32": "Cilium: identity of address 10.0.0.1/32",
    "traefik/http/routers/web/rule": "Traefik: rule of HTTP router web",
    "/skydns/org/example/web": "DNS: web.example.org",
    "/skydns/org/example/": "DNS: example.org",
    "/skydns/arpa/in-addr/10/0/0/1": "DNS: 1.0.0.10.in-addr.arpa",
    "/vitess/global/keyspaces/shop/shards/-80/Shard": "Vitess: shard shop/-80",
    "/pd/7000/raft/s/00000000000000000001": "PD/TiKV: store 1",
    "by-dev/meta/root-coord/collection/44": "Milvus: collection 44",
    "_sd.placement/prod/m3db": "M3: placement of m3db in prod",
}


@pytest.mark.parametrize("key", NAMES)
def test_a_key_of_a_known_program_has_a_name_in_words(key: str) -> None:
    named = KNOWN.recognise(key.encode())
    assert named is not None and named.words == NAMES[key]


def test_every_family_is_recognised_above_and_its_patterns_are_sound() -> None:
    assert {name.partition(":")[0] for name in NAMES.values()} == {family.name for family in FAMILIES}
    for family in FAMILIES:
        for rule in family.rules:
            check(rule.match, rule.name)
            assert not rule.effect or rule.effect.endswith("."), rule
        for shape in family.jumps:
            assert pattern(shape).variables, shape


@pytest.mark.parametrize("key", [b"/config/app", b"/service/web/addr", b"", b"\xff\xfe", b"/registry/", b"/skydns"])
def test_what_is_not_known_has_no_name(key: bytes) -> None:
    assert KNOWN.recognise(key) is None


@pytest.mark.parametrize(
    ("typed", "leads"),
    [
        ("cn:web.example.org", Jump(path=b"/skydns/org/example/web")),
        ("dns:web.example.org.", Jump(path=b"/skydns/org/example/web")),
        ("k8s:pod/prod/web-1", Jump(path=b"/registry/pods/prod/web-1")),
        ("k8s:svc/prod/web", Jump(path=b"/registry/services/specs/prod/web")),
        ("k8s:Node/n1", Jump(path=b"/registry/minions/n1")),
        ("k8s:prod", Jump(below=b"/registry/", search="^/(^|/)prod(/|$)/")),
        ("patroni:pg-main", Jump(path=b"/service/pg-main/")),
        ("vitess:shop/-80", Jump(path=b"/vitess/global/keyspaces/shop/shards/-80/")),
        ("pd:", Jump(below=b"/pd/")),
        ("http://x", None),
        ("/config/a:b", None),
        ("unknown:x", None),
    ],
)
def test_a_word_in_front_of_a_name_leads_to_its_key(typed: str, leads: Jump | None) -> None:
    assert KNOWN.jump(typed.encode()) == leads


RULES = (
    FamilyRule(
        match="/orders/{region}/{id}",
        name="order {id|number} in {region}",
        family="Orders",
        jump="order",
        advice="Use the orders API.",
        effect="The shop shows it at once.",
    ),
    FamilyRule(match="/orders/{region}/", name="orders of {region}", family="Orders"),
)


def test_a_profile_adds_its_own_and_a_namespace_is_seen_through() -> None:
    own = Families(RULES)
    named = own.recognise(b"/orders/eu/0017")
    assert named is not None and named.words == "Orders: order 17 in eu"
    assert own.jump(b"order:eu/17") == Jump(path=b"/orders/eu/17")
    assert own.jump(b"order:eu") == Jump(path=b"/orders/eu/")
    inside = Families((), b"/skydns/")
    named = inside.recognise(b"org/example")
    assert named is not None and named.name == "example.org"
    assert inside.jump(b"cn:example.org") == Jump(path=b"org/example")


def test_the_review_of_a_write_says_whose_key_it_is_and_what_it_does() -> None:
    guard = Guard(GuardPolicy(read_only=False, families=RULES))
    told = [
        "".join(part if isinstance(part, str) else part.decode() for part in row.parts)
        for row in plan_edit(guard, b"/orders/eu/17", None, b"x").plan.lines
    ]
    assert "order 17 in eu: Orders manages this key. Use the orders API." in told
    assert "A write here: The shop shows it at once." in told


@pytest.mark.parametrize(
    ("match", "name", "words"),
    [
        ("{a}/b", "{a}", "begin with text"),
        ("/a/{x}/{x}", "{x}", "twice"),
        ("/a/{x...}/b", "{x}", "behind"),
        ("/a/{x}", "{y}", "has not"),
        ("/a/{x}", "{x|upper}", "no filter"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_a_sentence(match: str, name: str, words: str) -> None:
    with pytest.raises(PatternProblem, match=words):
        check(match, name)
