"""A reproducible key space of one million keys, and a loader for it.

Twenty-odd kinds of Kubernetes-looking resources below ``/registry/`` (one flat folder of 300,000 keys, one
folder of 5,000 folders, skewed namespaces) and a few other applications, some without a leading slash.
``python -m bench.keyspace HOST:PORT [SCALE]`` fills a server; ``SCALE`` 0.01 makes ten thousand keys. ``HOST:PORT
COUNT --written [--mixed]`` fills it with any number of small keys in the order they are counted in: one third in a flat
folder, the others in 23 kinds of 997 namespaces.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import grpc

from etcdtui.pb import rpc_pb2 as pb

TOTAL = 1_000_000
PUTS_PER_TXN = 128
IN_FLIGHT = 16
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
APPS = (
    *("api", "web", "auth", "cart", "search", "order", "pay", "mail", "cache", "queue"),
    *("proxy", "sync", "batch", "cron", "audit", "metric", "trace", "log", "user", "geo"),
)
FLAT = b"/registry/imagecaches/"
KINDS = (
    *(b"configmaps", b"controllerrevisions", b"cronjobs", b"csinodes", b"daemonsets", b"deployments", b"endpoints"),
    *(b"endpointslices", b"events", b"horizontalpodautoscalers", b"ingress", b"jobs", b"leases", b"limitranges"),
    *(b"networkpolicies", b"persistentvolumeclaims", b"poddisruptionbudgets", b"pods", b"replicasets", b"roles"),
    *(b"secrets", b"serviceaccounts", b"statefulsets"),
)
SPACES = 997
VALUE = b"v" * 40
SKEWED = (
    ("pods", 150_000, 200),
    ("events", 110_000, 300),
    ("secrets", 50_000, 1000),
    ("replicasets", 40_000, 200),
    ("endpointslices", 25_000, 200),
    ("services/specs", 12_000, 200),
    ("services/endpoints", 12_000, 200),
    ("deployments", 10_000, 200),
    ("serviceaccounts", 8_000, 1000),
    ("controllerrevisions", 5_000, 150),
    ("jobs", 4_000, 80),
    ("ingress", 2_000, 100),
)


def _registry(rng: random.Random, scale: float) -> Iterator[str]:
    def some(count: int) -> range:
        return range(int(count * scale))

    def tail(count: int) -> str:
        return "".join(rng.choices(LETTERS, k=count))

    for _ in some(300_000):
        yield f"/registry/imagecaches/sha256-{rng.getrandbits(64):016x}"
    for space in some(5_000):
        for entry in range(50):
            yield f"/registry/configmaps/ns-{space:05d}/{APPS[entry % 20]}-{entry:02d}"
    for kind, count, spaces in SKEWED:
        weights = [1 / (rank + 1) ** 0.9 for rank in range(spaces)]
        for space in rng.choices(range(spaces), weights=weights, k=int(count * scale)):
            yield f"/registry/{kind}/ns-{space}/{rng.choice(APPS)}-{tail(9)}-{tail(5)}"
    for number in some(5_000):
        yield f"/registry/leases/kube-node-lease/node-{number:04d}"
        yield f"/registry/minions/node-{number:04d}"
        yield f"/registry/namespaces/ns-{number:05d}"
    for _ in range(300):
        yield f"/registry/apiextensions.k8s.io/customresourcedefinitions/{tail(8)}.example.com"
    for _ in range(100):
        yield f"/registry/clusterroles/system:{tail(8)}"
        yield f"/registry/clusterrolebindings/system:{tail(8)}"
    for number in range(500):
        yield f"/registry/persistentvolumes/pvc-{rng.getrandbits(128):032x}"
        if number < 3:
            yield f"/registry/masterleases/10.0.0.{number}"
    yield from ("/registry/ranges/serviceips", "/registry/ranges/servicenodeports")


def _others(rng: random.Random, scale: float) -> Iterator[str]:
    for number in range(int(3_000 * scale)):
        yield f"/calico/ipam/v2/assignment/ipv4/block/10.{number // 250}.{number % 250}.0-26"
    for number in range(1_000):
        yield f"/config/app-{number // 25:02d}/{rng.choice(['prod', 'stage', 'dev'])}/opt_{number % 25}"
    for number in range(200):
        yield f"/service/postgres-{number % 20:02d}/members/pg{number}"
    for _ in range(100):
        yield f"/vault/core/{''.join(rng.choices(LETTERS, k=10))}"
    for _ in range(50):
        yield f"locks/{rng.choice(APPS)}/{rng.getrandbits(63):016x}"
        yield f"feature-flag-{''.join(rng.choices(LETTERS, k=6))}"


def keys(scale: float = 1.0) -> list[bytes]:
    """All keys, grouped by kind, without duplicates; the same on every run."""
    rng = random.Random(42)
    found = dict.fromkeys(_registry(rng, scale))
    found.update(dict.fromkeys(_others(rng, scale)))
    number = 0
    while len(found) < TOTAL * scale:
        found[f"/registry/pods/kube-system/filler-{number:07d}"] = None
        number += 1
    return [key.encode() for key in found]


def values(count: int = 4096) -> list[bytes]:
    """Bodies of 200 to 2,048 bytes that look like small objects."""
    rng = random.Random(7)
    made = []
    for _ in range(count):
        size = int(min(2048, max(200, rng.lognormvariate(6.3, 0.6))))
        head = f'{{"kind":"Pod","metadata":{{"uid":"{rng.getrandbits(128):032x}","app":"{rng.choice(APPS)}"}},"spec":"'
        filler = f"{rng.getrandbits(size * 4):x}"[: size // 2] + "lorem-ipsum-" * 180
        made.append((head + filler)[: size - 2].encode() + b'"}')
    return made


def written(number: int) -> bytes:
    """The key that is written as number so and so of a store of any size: a third of them fill one folder in order."""
    if number % 3 == 0:
        return b"%s%010d" % (FLAT, number // 3)
    kind = KINDS[number % len(KINDS)]
    return b"/registry/%s/ns-%03d/%s-%08x" % (
        kind,
        number * 7_919 % SPACES,
        APPS[number % 20].encode(),
        number * 2_654_435_761 % 2**32,
    )


def load(target: str, scale: float = 1.0) -> int:
    """Put the whole key space, shuffled, in transactions of 128 puts; returns the number of keys."""
    names = keys(scale)
    random.Random(1).shuffle(names)
    bodies = values()
    put_all(target, ((key, bodies[index % len(bodies)]) for index, key in enumerate(names)))
    return len(names)


def load_written(target: str, total: int, *, mixed: bool = False) -> None:
    """Put ``total`` keys with values of 40 bytes in the order of their numbers.

    ``mixed``: a fifth of them is then written again here and there, what was is compacted, and another fifth put where
    the old records were: pages hold records of every age, as in a store that has been used for long.
    """
    put_all(target, ((written(number), VALUE) for number in range(total)))
    if not mixed:
        return
    rng = random.Random(3)
    for _ in range(2):
        put_all(target, ((written(rng.randrange(total)), VALUE) for _ in range(total // 5)))
        with grpc.insecure_channel(target) as channel:
            status = channel.unary_unary(
                "/etcdserverpb.KV/Range",
                request_serializer=pb.RangeRequest.SerializeToString,
                response_deserializer=pb.RangeResponse.FromString,
            )(pb.RangeRequest(key=b"x"))
            channel.unary_unary(
                "/etcdserverpb.KV/Compact",
                request_serializer=pb.CompactionRequest.SerializeToString,
                response_deserializer=pb.CompactionResponse.FromString,
            )(pb.CompactionRequest(revision=status.header.revision, physical=True), timeout=600)


def put_all(target: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """In transactions of 128 puts, several in flight, none of which puts a key twice."""
    with grpc.insecure_channel(target) as channel:
        txn = channel.unary_unary(
            "/etcdserverpb.KV/Txn",
            request_serializer=pb.TxnRequest.SerializeToString,
            response_deserializer=pb.TxnResponse.FromString,
        )
        running: deque[grpc.Future[pb.TxnResponse]] = deque()
        some = iter(pairs)
        while part := dict(islice(some, PUTS_PER_TXN)):
            puts = [pb.RequestOp(request_put=pb.PutRequest(key=key, value=value)) for key, value in part.items()]
            if len(running) >= IN_FLIGHT:
                running.popleft().result()
            running.append(txn.future(pb.TxnRequest(success=puts), timeout=120))
        while running:
            running.popleft().result()


if __name__ == "__main__":
    if "--written" in sys.argv:
        load_written(sys.argv[1], int(sys.argv[2]), mixed="--mixed" in sys.argv)
    else:
        print(load(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0), "keys")
