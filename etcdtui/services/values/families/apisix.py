"""APISIX: ``/apisix/<things>/<id>``; a key of a folder's own name with a slash marks that the folder was made."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "/apisix/"
EFFECT = "Every gateway uses it at once, without the checks of the Admin API: a broken one breaks requests."
_THINGS = {
    "routes": "route",
    "upstreams": "upstream",
    "services": "service",
    "consumers": "consumer",
    "consumer_groups": "consumer group",
    "ssls": "certificate",
    "plugin_configs": "plugin config",
    "plugin_metadata": "metadata of plugin",
    "global_rules": "global rule",
    "stream_routes": "stream route",
    "protos": "proto",
    "secrets": "secret manager",
}

FAMILY = Family(
    "APISIX",
    ("apisix",),
    (
        *(Rule(f"{ROOT}{things}/", f"every {thing}") for things, thing in _THINGS.items()),
        Rule(f"{ROOT}consumers/{{name}}/credentials/{{id}}", "credential {id} of consumer {name}", EFFECT),
        Rule(f"{ROOT}secrets/{{manager}}/{{id}}", "secret manager {manager} {id}", EFFECT),
        *(Rule(f"{ROOT}{things}/{{id}}", f"{thing} {{id}}", EFFECT) for things, thing in _THINGS.items()),
        Rule(f"{ROOT}plugins", "which plugins are on", EFFECT),
        Rule(f"{ROOT}data_plane/server_info/{{id}}", "gateway {id}", "The gateway writes it anew."),
    ),
    advice="Use the Admin API.",
    jumps=(f"{ROOT}{{things}}/{{id}}",),
    root=ROOT.encode(),
)
