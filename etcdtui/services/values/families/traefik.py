"""Traefik's KV provider: one plain value a key, ``traefik/http/routers/<name>/rule``."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

EFFECT = "Traefik uses it at once; the keys of one router or service belong together, so write them in one transaction."


def _rules(root: str) -> tuple[Rule, ...]:
    return (
        *(
            rule
            for kind in ("http", "tcp", "udp")
            for things, thing in (
                ("routers", "router"),
                ("services", "service"),
                ("middlewares", "middleware"),
                ("serversTransports", "transport"),
            )
            for rule in (
                Rule(f"{root}{kind}/{things}/{{name}}/", f"{kind.upper()} {thing} {{name}}"),
                Rule(
                    f"{root}{kind}/{things}/{{name}}/{{field...}}",
                    f"{{field}} of {kind.upper()} {thing} {{name}}",
                    EFFECT,
                ),
            )
        ),
        Rule(f"{root}tls/options/{{name}}/{{field...}}", "{field} of TLS options {name}", EFFECT),
        Rule(f"{root}tls/{{field...}}", "TLS {field}", EFFECT),
    )


FAMILY = Family(
    "Traefik",
    ("traefik",),
    (*_rules("traefik/"), *_rules("/traefik/")),
    jumps=("traefik/http/{things}/{name}/",),
    root=b"traefik/",
)
