"""Calico: resources under ``/calico/resources/v3/``, addresses under ``/calico/ipam/v2/``."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "/calico/"
RESOURCES = f"{ROOT}resources/v3/projectcalico.org/"
IPAM = f"{ROOT}ipam/v2/"
EFFECT = "Every node applies it at once, without the checks of calicoctl: traffic may be cut."
ADDRESSES = "Addresses may be given out twice, or never again."
_NAMESPACED = {"networkpolicies": "NetworkPolicy", "workloadendpoints": "WorkloadEndpoint", "networksets": "NetworkSet"}
_GLOBAL = {
    "ippools": "IPPool",
    "nodes": "Node",
    "profiles": "Profile",
    "globalnetworkpolicies": "GlobalNetworkPolicy",
    "globalnetworksets": "GlobalNetworkSet",
    "hostendpoints": "HostEndpoint",
    "bgppeers": "BGPPeer",
    "bgpconfigurations": "BGPConfiguration",
    "felixconfigurations": "FelixConfiguration",
    "clusterinformations": "ClusterInformation",
    "kubecontrollersconfigurations": "KubeControllersConfiguration",
    "ipreservations": "IPReservation",
    "tiers": "Tier",
}

FAMILY = Family(
    "Calico",
    ("calico",),
    (
        *(
            Rule(f"{RESOURCES}{plural}/{{ns}}/{{name}}", f"{k} {{ns}}/{{name}}", EFFECT)
            for plural, k in _NAMESPACED.items()
        ),
        *(Rule(f"{RESOURCES}{plural}/{{name}}", f"{kind} {{name}}", EFFECT) for plural, kind in _GLOBAL.items()),
        Rule(f"{RESOURCES}{{kinds}}/{{name}}", "{kinds} {name}", EFFECT),
        Rule(f"{IPAM}host/{{node}}/ipv4/block/{{block}}", "block {block|cidr} of node {node}", ADDRESSES),
        Rule(f"{IPAM}host/{{node}}/ipv6/block/{{block}}", "block {block|cidr} of node {node}", ADDRESSES),
        Rule(f"{IPAM}assignment/ipv4/block/{{block}}", "addresses of block {block|cidr}", ADDRESSES),
        Rule(f"{IPAM}assignment/ipv6/block/{{block}}", "addresses of block {block|cidr}", ADDRESSES),
        Rule(f"{IPAM}handle/{{handle}}", "addresses of {handle}", ADDRESSES),
        Rule(f"{IPAM}config", "how addresses are given out", ADDRESSES),
        Rule(f"{ROOT}felix/v1/host/{{node}}/{{rest...}}", "Felix of node {node}: {rest}", EFFECT),
        Rule(f"{ROOT}felix/v2/{{region}}/host/{{node}}/{{rest...}}", "Felix of node {node}: {rest}", EFFECT),
        Rule(f"{ROOT}bgp/v1/host/{{node}}/{{rest...}}", "BGP of node {node}: {rest}", EFFECT),
        Rule(f"{ROOT}bgp/v1/global/{{rest...}}", "BGP of every node: {rest}", EFFECT),
    ),
    advice="Use calicoctl.",
    jumps=(f"{RESOURCES}{{kinds}}/{{name}}", f"{RESOURCES}{{kinds}}/{{ns}}/{{name}}"),
    root=ROOT.encode(),
)
