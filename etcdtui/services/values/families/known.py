"""Every family that is known, those of a profile first: what a key is in words, and where a jump leads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from etcdtui.config.schema import FamilyRule
from etcdtui.services.values.families import (
    apisix,
    calico,
    cilium,
    kubernetes,
    m3,
    milvus,
    patroni,
    pd,
    rook,
    skydns,
    traefik,
    vitess,
)
from etcdtui.services.values.families.family import Family, Jump, Named, Rule

FAMILIES: tuple[Family, ...] = (
    rook.FAMILY,  # before Kubernetes, whose prefix it shares
    kubernetes.FAMILY,
    patroni.FAMILY,
    apisix.FAMILY,
    calico.FAMILY,
    cilium.FAMILY,
    traefik.FAMILY,
    skydns.FAMILY,
    vitess.FAMILY,
    pd.FAMILY,
    milvus.FAMILY,
    m3.FAMILY,
)
_SCHEME = re.compile(r"([a-z][a-z0-9-]*):(?!/)(.*)", re.DOTALL)


class Families:
    """Those of one profile: its own, then the ones that are known."""

    def __init__(self, rules: Iterable[FamilyRule] = (), namespace: bytes = b"") -> None:
        self.all = (*_of_profile(rules), *FAMILIES)
        self._namespace = namespace

    def recognise(self, key: bytes) -> Named | None:
        """What a key, or a folder with its slash, is in words; ``None`` where nobody is known to own it."""
        whole = self._namespace + key
        return next((found for family in self.all if (found := family.recognise(whole)) is not None), None)

    def jump(self, typed: bytes) -> Jump | None:
        """Where ``cn:web.example.org`` or ``k8s:prod`` lead; ``None`` for what is no jump of a family."""
        match = _SCHEME.fullmatch(typed.decode("utf-8", "surrogateescape"))
        family = next((one for one in self.all if match and match[1] in one.schemes), None)
        if match is None or family is None:
            return None
        made = family.jump(match[2])
        return Jump(self._inside(made.path), self._inside(made.below), made.search)

    def _inside(self, path: bytes) -> bytes:
        """A whole key as the profile's namespace shows it."""
        return path.removeprefix(self._namespace)


def _of_profile(rules: Iterable[FamilyRule]) -> list[Family]:
    """One family for each name, its rules in order; jumps fill the variables of its patterns."""
    found = list(rules)
    names = dict.fromkeys(rule.family for rule in found)
    made: list[Family] = []
    for name in names:
        own = [rule for rule in found if rule.family == name]
        schemes = tuple(dict.fromkeys(rule.jump for rule in own if rule.jump))
        advice = next((rule.advice for rule in own if rule.advice), "")
        patterns = tuple(Rule(rule.match, rule.name, rule.effect) for rule in own)
        root = own[0].match.partition("{")[0].encode("utf-8", "surrogateescape")
        jumps = tuple(rule.match for rule in own if "..." not in rule.match)
        made.append(Family(name, schemes, patterns, advice, jumps, root))
    return made


@cache
def of(rules: tuple[FamilyRule, ...], namespace: bytes) -> Families:
    """Those of a profile, made once."""
    return Families(rules, namespace)


KNOWN = Families()
"""Without a profile's own."""
