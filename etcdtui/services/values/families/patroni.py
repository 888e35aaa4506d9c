"""Patroni: ``/service/<scope>/...``, where members of a PostgreSQL cluster agree on their leader."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "/service/"

FAMILY = Family(
    "Patroni",
    ("patroni", "pg"),
    (
        Rule(
            f"{ROOT}{{scope}}/leader",
            "leader of {scope}",
            "Every member takes the one it names for the leader; without it the members elect one.",
        ),
        Rule(
            f"{ROOT}{{scope}}/config",
            "settings of {scope}",
            "Every member applies it at its next loop, and PostgreSQL may want a restart.",
        ),
        Rule(
            f"{ROOT}{{scope}}/initialize",
            "system identifier of {scope}",
            "Members with another identifier refuse to start; without it a new cluster may be initialised.",
        ),
        Rule(f"{ROOT}{{scope}}/failover", "failover asked for in {scope}", "Members act on it at their next loop."),
        Rule(
            f"{ROOT}{{scope}}/sync",
            "synchronous standbys of {scope}",
            "A standby that it names wrongly may be promoted without all data.",
        ),
        Rule(f"{ROOT}{{scope}}/status", "position of the leader of {scope}", "The leader writes it anew at once."),
        Rule(f"{ROOT}{{scope}}/failsafe", "failsafe members of {scope}", "The leader writes it anew at once."),
        Rule(f"{ROOT}{{scope}}/history", "timelines of {scope}", "The leader writes it anew at the next failover."),
        Rule(
            f"{ROOT}{{scope}}/optime/leader", "position of the leader of {scope}", "The leader writes it anew at once."
        ),
        Rule(
            f"{ROOT}{{scope}}/members/{{name}}",
            "member {name} of {scope}",
            "The member writes it anew at its next loop; without it the member cannot be elected meanwhile.",
        ),
        Rule(f"{ROOT}{{scope}}/members/", "members of {scope}"),
    ),
    advice="Use patronictl.",
    jumps=(f"{ROOT}{{scope}}/", f"{ROOT}{{scope}}/members/{{name}}"),
    root=ROOT.encode(),
)
