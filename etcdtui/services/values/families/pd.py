"""TiKV's placement driver: ``/pd/<cluster>/...``; and TiDB's own keys beside it."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "/pd/"
IN = f"{ROOT}{{cluster}}/"
EFFECT = "The placement driver holds it in memory and writes it anew; another value may split the cluster."
TIME = "Transactions may get a time that was given out already: never write it."

FAMILY = Family(
    "PD/TiKV",
    ("pd", "tikv", "tidb"),
    (
        Rule(f"{ROOT}cluster_id", "which cluster this is", EFFECT),
        Rule(f"{IN}raft", "the cluster", EFFECT),
        Rule(f"{IN}raft/s/{{id}}", "store {id|number}", EFFECT),
        Rule(f"{IN}raft/r/{{id}}", "region {id|number}", EFFECT),
        Rule(f"{IN}leader", "leader of the placement driver", "Its members elect one when it is gone."),
        Rule(
            f"{IN}config", "settings of the placement driver", "It is read at the next start or change of the leader."
        ),
        Rule(f"{IN}timestamp", "last time that may be given out", TIME),
        Rule(f"{IN}{{dc}}/timestamp", "last time that may be given out in {dc}", TIME),
        Rule(f"{IN}alloc_id", "last id given out", "Ids may be given out twice."),
        Rule(f"{IN}member/{{id}}/{{what...}}", "{what} of member {id}", EFFECT),
        Rule(f"{IN}rules/{{name}}", "placement rule {name}", EFFECT),
        Rule(f"{IN}rule_group/{{name}}", "placement rules {name}", EFFECT),
        Rule(f"{IN}region_label/{{name}}", "labels of regions {name}", EFFECT),
        Rule(f"{IN}gc/safe_point", "what may be collected", "Data that is still read may be collected."),
        Rule(f"{IN}gc/safe_point/service/{{name}}", "what {name} still needs", "Data that it needs may be collected."),
        Rule(f"{IN}schedule/store_weight/{{id}}/{{what}}", "weight {what} of store {id|number}", EFFECT),
        Rule(f"{IN}scheduler_config/{{name}}", "settings of scheduler {name}", EFFECT),
        Rule("/tidb/server/info/{id}", "TiDB server {id}", "The server writes it anew."),
        Rule("/topology/tidb/{address}/{what}", "{what} of TiDB at {address}", "The server writes it anew."),
        Rule("/tidb/ddl/{rest...}", "schema change: {rest}", "Schema changes may stop, or run twice."),
        Rule("/tidb/cdc/{rest...}", "TiCDC: {rest}", "Changefeeds may stop or repeat."),
    ),
    advice="Use pd-ctl.",
    root=ROOT.encode(),
)
