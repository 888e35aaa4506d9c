"""M3: placements under ``_sd.placement/``, settings under ``_kv/``, who is there under ``_ads`` and ``_sd.ad``."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

PLACEMENT = "_sd.placement/"
EFFECT = "Every node acts on it at once: a wrong placement moves or drops shards of data."

FAMILY = Family(
    "M3",
    ("m3", "m3db"),
    (
        Rule(f"{PLACEMENT}{{env}}/{{service}}", "placement of {service} in {env}", EFFECT),
        Rule(f"{PLACEMENT}{{ns}}/{{env}}/{{service}}", "placement of {service} in {env} ({ns})", EFFECT),
        Rule(f"_kv/{PLACEMENT}{{rest...}}", "placement of {rest}", EFFECT),
        Rule("_kv/{env}/m3db.node.namespaces", "namespaces of M3DB in {env}", EFFECT),
        Rule("_kv/{env}/m3db.{setting}", "M3DB setting {setting} in {env}", EFFECT),
        Rule("_kv/{env}/{rest...}", "{rest} in {env}", EFFECT),
        Rule("_kv/{key}", "{key}", EFFECT),
        Rule("_sd.metadata/{rest...}", "what is known of service {rest}", EFFECT),
        Rule("_sd.ad/{rest...}", "instance {rest}", "The instance writes it anew."),
        Rule("_ads/{rest...}", "instance {rest}", "The instance writes it anew."),
    ),
    advice="Use the coordinator's placement API.",
    jumps=(f"{PLACEMENT}{{env}}/", f"{PLACEMENT}{{env}}/{{service}}"),
    root=PLACEMENT.encode(),
)
