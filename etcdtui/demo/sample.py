"""The demo's data at rest: what people keep in etcd, and what breaks other tools."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator

from etcdtui.demo.objects import certificate, config_map, pod

Pair = tuple[bytes, bytes]

FLAT_FOLDER = b"/flat/"
FLAT_KEYS = 5_000
VERSIONED_KEY = b"/config/app/release.json"
VERSIONS = 20
LONG_KEY_SIZE = 2_000
BIG_LINE_SIZE = 1_000_000

APP_YAML = """\
# read by every instance at start
server:
  listen: 0.0.0.0:8080
  timeouts: {read: 5s, write: 10s}
database:
  host: db.internal
  port: 5432
  pool: 20
features: [search, export, dark-mode]
"""

NOTES = """\
Rollout notes
=============

1. Drain the old instances first.
2. Watch the error rate for ten minutes.
3. Größe, naïve, 東京, ✓: text is UTF-8.
"""

ENCRYPTED_SECRET = b"k8s:enc:aescbc:v1:key1:" + bytes(range(17, 241, 7))

HOSTILE_NAMES: tuple[bytes, ...] = (
    b"\x1b[31mred\x1b[0m",
    b"\x1b[2J\x1b[Hwiped",
    b"\x1b]0;title taken\x07",
    b"\x1b]52;c;cm0gLXJmIC8=\x07clipboard",
    b"\x9b31mC1",
    b"[/x]",
    b"[bold]",
    b"[@click=app.quit]press me[/]",
    b"[link=file:///etc/passwd]link[/link]",
    "abc\u202egnp.exe".encode(),
    "zero\u200bwidth\u2060\ufeff".encode(),
    "line\u2028separator".encode(),
    b"two\nlines",
    b"back\rslash",
    b"tab\there",
    b"nul\0nul",
    b"trail\\",
    b"not\xff\xfeutf8",
    "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301 zalgo".encode(),
    "👩‍👩‍👧‍👦 family".encode(),
    b" leading and trailing ",
)


def as_json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def application() -> Iterator[Pair]:
    """Configuration in the formats people use; ``/config/app`` and ``/config/app/database`` are keys and folders."""
    app = b"/config/app"
    yield app, b"shop"
    yield app + b"/config.yaml", APP_YAML.encode()
    yield app + b"/database", b"postgres"
    yield (
        app + b"/database/primary.json",
        as_json({"host": "db-1.internal", "port": 5432, "tls": True, "replicas": ["db-2.internal", "db-3.internal"]}),
    )
    yield app + b"/database/password", b"correct horse battery staple"
    yield app + b"/feature-flags.json", as_json({"search": True, "export": False, "beta": {"percent": 12.5}})
    yield app + b"/limits/max-connections", b"512"
    yield app + b"/limits/ratio", b"0.75\n"
    yield app + b"/limits/enabled", b"true"
    yield app + b"/maintenance", b""
    yield app + b"/notes.txt", NOTES.encode()
    yield app + b"/motd.txt", b"Written on another system\r\nwith other line ends\r\n"
    yield app + b"/started-at", b"2026-01-01T00:00:00Z"
    yield app + b"/tls/server.crt", certificate("shop.example")
    yield app + b"/cache/index.json.gz", gzip.compress(as_json({"pages": list(range(200))}), mtime=0)
    yield app + b"/large.json", as_json([{"id": n, "name": f"item {n}", "tags": ["a", "b"]} for n in range(2_000)])
    yield app + b"/one-line.txt", b"0123456789" * (BIG_LINE_SIZE // 10)


def other_products() -> Iterator[Pair]:
    """Keys as other software lays them out: without a leading slash, with colons, with directory markers, binary."""
    yield b"traefik/http/routers/shop/rule", b"Host(`shop.example`)"
    yield b"traefik/http/routers/shop/service", b"shop"
    yield b"traefik/http/services/shop/loadbalancer/servers/0/url", b"http://10.0.0.7:8080"
    yield b"/apisix/routes/", b"init_dir"
    yield b"/apisix/routes/1", as_json({"uri": "/shop/*", "upstream_id": "1"})
    yield b"/skydns/example/shop/www", as_json({"host": "10.0.0.7", "port": 80, "ttl": 60})
    yield b"/service/pg/config", as_json({"ttl": 30, "loop_wait": 10, "maximum_lag_on_failover": 1_048_576})
    yield b"/service/pg/initialize", b"7315204857125634121"
    yield b"/pd/7315204857125634121/timestamp", struct.pack(">Q", 1_767_225_600_000_000_000)
    yield b"/pd/7315204857125634121/raft/s/00000000000000000001", b"\x08\x01\x12\x0ftikv-1.int:2016"
    yield b"session:42:user", b"ada"
    yield b"session:42:seen", b"1767225600"
    yield b"//double//slash", b"the empty names are real"
    yield b"/trailing/", b"a key that ends in the separator"
    yield b"/", b"the separator alone"
    yield b"plain", b"a key without any separator"


def kubernetes() -> Iterator[Pair]:
    """Objects as an apiserver stores them."""
    pods = b"/registry/pods/"
    yield pods + b"default/web-1", pod("default", "web-1", "web", "nginx:1.29", "node-a")
    yield pods + b"default/web-2", pod("default", "web-2", "web", "nginx:1.29", "node-b")
    yield pods + b"kube-system/dns-0", pod("kube-system", "dns-0", "dns", "coredns:1.13", "node-a")
    yield b"/registry/configmaps/default/settings", config_map("default", "settings", color="blue", size="42")
    yield b"/registry/secrets/default/token", ENCRYPTED_SECRET
    yield (
        b"/registry/example.com/widgets/default/big",
        as_json({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "big"}, "spec": {"size": 3}}),
    )


def odd() -> Iterator[Pair]:
    """Binary keys, names that attack a terminal or a markup parser, and values that do the same."""
    yield b"\x00", b"the smallest key"
    yield b"\x00\x01\xfe\xff", bytes(range(256))
    yield b"/binary/\xff\xff\xff", b"\xff" * 16
    yield b"/binary/" + struct.pack(">Q", 1_234_567_890), b"a number for a name"
    yield b"/hostile/" + b"long-" * (LONG_KEY_SIZE // 5), b"a key of 2,000 bytes"
    for name in HOSTILE_NAMES:
        yield b"/hostile/" + name, b"name: " + name + b"\nend"


def flat() -> Iterator[Pair]:
    """One folder with thousands of keys."""
    for number in range(FLAT_KEYS):
        yield FLAT_FOLDER + b"%05d" % number, b'{"n": %d}' % number


def at_rest() -> Iterator[Pair]:
    """Every key of the demo that has no lease, each once."""
    yield from application()
    yield from other_products()
    yield from kubernetes()
    yield from odd()
    yield from flat()


def releases() -> Iterator[bytes]:
    """The successive values of the key with a history, each a small change to the one before."""
    for number in range(1, VERSIONS + 1):
        flags = {"search": number > 4, "export": number > 11}
        yield as_json({"version": f"1.{number}.0", "replicas": 2 + number // 5, "flags": flags, "owner": "shop"})
