"""Vitess: its topology, ``/vitess/global/...`` and ``/vitess/<cell>/...``."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "/vitess/"
GLOBAL = f"{ROOT}global/"
EFFECT = "Tablets and gates read it again when they look at the topology; a wrong one sends queries to wrong places."
REBUILT = "It is made from the global topology: the next rebuild writes it anew."

FAMILY = Family(
    "Vitess",
    ("vitess",),
    (
        Rule(f"{GLOBAL}cells/{{cell}}/CellInfo", "cell {cell}", EFFECT),
        Rule(f"{GLOBAL}cells_aliases/{{name}}/CellsAlias", "alias {name} of cells", EFFECT),
        Rule(f"{GLOBAL}keyspaces/{{ks}}/Keyspace", "keyspace {ks}", EFFECT),
        Rule(f"{GLOBAL}keyspaces/{{ks}}/VSchema", "VSchema of {ks}", EFFECT),
        Rule(
            f"{GLOBAL}keyspaces/{{ks}}/shards/{{shard}}/Shard",
            "shard {ks}/{shard}",
            "It names the primary: a wrong one stops writes to the shard.",
        ),
        Rule(
            f"{GLOBAL}keyspaces/{{ks}}/shards/{{shard}}/locks/{{id}}", "lock of shard {ks}/{shard}", "The lock is lost."
        ),
        Rule(f"{GLOBAL}keyspaces/{{ks}}/locks/{{id}}", "lock of keyspace {ks}", "The lock is lost."),
        Rule(f"{GLOBAL}keyspaces/{{ks}}/", "keyspace {ks}"),
        Rule(f"{GLOBAL}keyspaces/{{ks}}/shards/{{shard}}/", "shard {ks}/{shard}"),
        Rule(f"{GLOBAL}routing_rules/RoutingRules", "routing rules", EFFECT),
        Rule(f"{GLOBAL}shard_routing_rules/ShardRoutingRules", "routing rules of shards", EFFECT),
        Rule(f"{GLOBAL}elections/{{name}}/{{rest...}}", "election {name}", EFFECT),
        Rule(
            f"{ROOT}{{cell}}/tablets/{{alias}}/Tablet",
            "tablet {alias} in {cell}",
            "The tablet writes it anew when it starts.",
        ),
        Rule(f"{ROOT}{{cell}}/keyspaces/{{ks}}/SrvKeyspace", "serving keyspace {ks} in {cell}", REBUILT),
        Rule(f"{ROOT}{{cell}}/SrvVSchema", "serving VSchema in {cell}", REBUILT),
        Rule(
            f"{ROOT}{{cell}}/keyspaces/{{ks}}/shards/{{shard}}/ShardReplication",
            "replicas of {ks}/{shard} in {cell}",
            REBUILT,
        ),
    ),
    advice="Use vtctldclient.",
    jumps=(f"{GLOBAL}keyspaces/{{ks}}/", f"{GLOBAL}keyspaces/{{ks}}/shards/{{shard}}/"),
    root=ROOT.encode(),
)
