"""Cilium: ``cilium/state/...``, kept by its agents and operator."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "cilium/"
STATE = f"{ROOT}state/"
AGENTS = "Agents use it at once, and write their own part of it anew; traffic may be judged by a wrong identity."
CLUSTERS = "Other clusters of the mesh use it at once."

FAMILY = Family(
    "Cilium",
    ("cilium",),
    (
        Rule(f"{STATE}identities/v1/id/{{id}}", "identity {id}", AGENTS),
        Rule(f"{STATE}identities/v1/value/{{labels...}}", "who uses the identity of {labels}", AGENTS),
        Rule(f"{STATE}ip/v1/{{space}}/{{address...}}", "identity of address {address}", AGENTS),
        Rule(f"{STATE}nodes/v1/{{cluster}}/{{node}}", "node {node} of cluster {cluster}", AGENTS),
        Rule(
            f"{STATE}noderegister/v1/{{cluster}}/{{node}}", "node {node} of cluster {cluster}, asking to join", AGENTS
        ),
        Rule(f"{STATE}services/v1/{{cluster}}/{{ns}}/{{name}}", "service {ns}/{name} of cluster {cluster}", CLUSTERS),
        Rule(
            f"{STATE}serviceexports/v1/{{cluster}}/{{ns}}/{{name}}",
            "exported service {ns}/{name} of {cluster}",
            CLUSTERS,
        ),
        Rule(f"{STATE}ciliumnodes/v1/{{cluster}}/{{node}}", "node {node} of cluster {cluster}", AGENTS),
        Rule(f"{ROOT}cache/{{rest...}}", "copy of another cluster's {rest}", "The mesh's cache writes it anew."),
        Rule(f"{ROOT}cluster-config/{{cluster}}", "settings of cluster {cluster}", CLUSTERS),
        Rule(f"{ROOT}synced/{{rest...}}", "what was synchronised: {rest}", CLUSTERS),
        Rule(f"{ROOT}.heartbeat", "when the operator wrote last", "Agents that read an old time go to another etcd."),
        Rule(f"{ROOT}.has-cluster-config", "whether clusters write their settings", CLUSTERS),
        Rule(f"{ROOT}.initlock/{{rest...}}", "lock of a start", "Two agents may start as one."),
    ),
    advice="Use cilium's own command, or its custom resources.",
    jumps=(f"{STATE}identities/v1/id/{{id}}",),
    root=ROOT.encode(),
)
