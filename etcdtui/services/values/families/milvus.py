"""Milvus: ``<root>/meta/...`` and ``<root>/kv/...``, with ``by-dev`` for a root unless it was told another."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "by-dev/"
META = f"{ROOT}meta/"
ROOTCOORD = f"{META}root-coord/"
EFFECT = "The coordinators hold it in memory: it is read at their next start, and may not fit the rest then."

FAMILY = Family(
    "Milvus",
    ("milvus",),
    (
        Rule(f"{ROOTCOORD}database/db-info/{{db}}", "database {db}", EFFECT),
        Rule(f"{ROOTCOORD}database/collection-info/{{db}}/{{id}}", "collection {id} of database {db}", EFFECT),
        Rule(f"{ROOTCOORD}collection/{{id}}", "collection {id}", EFFECT),
        Rule(f"{ROOTCOORD}fields/{{collection}}/{{id}}", "field {id} of collection {collection}", EFFECT),
        Rule(f"{ROOTCOORD}partitions/{{collection}}/{{id}}", "partition {id} of collection {collection}", EFFECT),
        Rule(f"{ROOTCOORD}aliases/{{name}}", "alias {name}", EFFECT),
        Rule(f"{ROOTCOORD}database/alias/{{db}}/{{name}}", "alias {name} of database {db}", EFFECT),
        Rule(f"{ROOTCOORD}credential/users/{{name}}", "password of user {name}", EFFECT),
        Rule(f"{META}snapshots/{{rest...}}", "as it was once: {rest}", EFFECT),
        Rule(
            f"{META}datacoord-meta/s/{{collection}}/{{partition}}/{{id}}",
            "segment {id} of collection {collection}",
            "A segment that is lost here is data that is lost.",
        ),
        Rule(f"{META}datacoord-meta/binlog/{{rest...}}", "files of segment {rest}", "Data may be lost."),
        Rule(f"{META}datacoord-meta/{{rest...}}", "data coordinator: {rest}", EFFECT),
        Rule(f"{META}queryCoord-{{what}}/{{rest...}}", "query coordinator: {what} {rest}", EFFECT),
        Rule(f"{META}session/{{role}}", "who is {role}", "The role may be taken by another, or by two."),
        Rule(f"{META}{{rest...}}", "{rest}", EFFECT),
        Rule(f"{ROOT}kv/gid/timestamp", "last time given out", "Times may be given out twice."),
        Rule(f"{ROOT}kv/{{rest...}}", "{rest}", EFFECT),
    ),
    advice="Use Milvus' own tools.",
    jumps=(f"{ROOTCOORD}collection/{{id}}",),
    root=ROOT.encode(),
)
