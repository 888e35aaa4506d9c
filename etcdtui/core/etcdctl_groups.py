"""The commands of etcdctl about leases, members, upkeep, users and roles: which words and flags each takes.

A line may say less than etcdctl wants, as the screen asks for the rest; what it says has its effect or is refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import field

from etcdtui.core.etcdctl_args import Kind, read_flags
from etcdtui.core.go_text import GoTextError
from etcdtui.core.value import record

_RANGE: Mapping[str, Kind] = {"prefix": "switch", "from-key": "switch"}


@record()
class Form:
    """``usage`` as a person would type it; ``most`` words after the name; ``refused`` flags by the reason."""

    usage: str
    most: int
    flags: Mapping[str, Kind] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    instead: str = ""
    """Where the command is done, when it is not done here."""


_CLUSTER: Mapping[str, Kind] = {"cluster": "switch"}
FORMS: Mapping[tuple[str, str], Form] = {
    ("lease", "grant"): Form("lease grant TTL", 1),
    ("lease", "revoke"): Form("lease revoke ID", 1),
    ("lease", "timetolive"): Form("lease timetolive ID --keys", 1, {"keys": "switch"}),
    ("lease", "keep-alive"): Form("lease keep-alive ID --once", 1, {"once": "switch"}),
    ("lease", "list"): Form("lease list", 0),
    ("member", "list"): Form("member list", 0),
    ("member", "add"): Form(
        "member add NAME --peer-urls=URL --learner", 1, {"peer-urls": "text", "learner": "switch"}
    ),
    ("member", "remove"): Form("member remove ID", 1),
    ("member", "promote"): Form("member promote ID", 1),
    ("member", "update"): Form("member update ID --peer-urls=URL", 1, {"peer-urls": "text"}),
    ("endpoint", "status"): Form("endpoint status --cluster", 0, _CLUSTER),
    ("endpoint", "health"): Form("endpoint health --cluster", 0, _CLUSTER),
    ("endpoint", "hashkv"): Form(
        "endpoint hashkv --cluster", 0, {"cluster": "switch", "rev": "int"},
        {"rev": "the hashes are compared at a revision that all members have"},
    ),
    ("alarm", "list"): Form("alarm list", 0),
    ("alarm", "disarm"): Form("alarm disarm", 0),
    ("compact", ""): Form("compact REV --physical", 1, {"physical": "switch"}),
    ("compaction", ""): Form("compaction REV --physical", 1, {"physical": "switch"}),
    ("defrag", ""): Form(
        "defrag MEMBER", 1, {"cluster": "switch", "data-dir": "text"},
        {"cluster": "members are defragmented one after the other, the leader last: defrag MEMBER, or M on Members",
         "data-dir": "a stopped member is defragmented by etcdutl"},
    ),
    ("move-leader", ""): Form("move-leader ID", 1),
    ("snapshot", "save"): Form("snapshot save FILE", 1),
    ("snapshot", "status"): Form("snapshot status FILE", 1, instead="etcdutl snapshot status FILE does it"),
    ("snapshot", "restore"): Form("snapshot restore FILE", 1, instead="etcdutl snapshot restore FILE does it"),
    ("user", "add"): Form(
        "user add NAME", 1, {"no-password": "switch", "new-user-password": "text", "interactive": "switch"}
    ),
    ("user", "delete"): Form("user delete NAME", 1),
    ("user", "get"): Form("user get NAME", 1, {"detail": "switch"}),
    ("user", "list"): Form("user list", 0),
    ("user", "passwd"): Form("user passwd NAME", 1, {"interactive": "switch"}),
    ("user", "grant-role"): Form("user grant-role USER ROLE", 2),
    ("user", "revoke-role"): Form("user revoke-role USER ROLE", 2),
    ("role", "add"): Form("role add NAME", 1),
    ("role", "delete"): Form("role delete NAME", 1),
    ("role", "get"): Form("role get NAME", 1),
    ("role", "list"): Form("role list", 0),
    ("role", "grant-permission"): Form("role grant-permission ROLE readwrite KEY END --prefix", 4, _RANGE),
    ("role", "revoke-permission"): Form("role revoke-permission ROLE KEY END --prefix", 3, _RANGE),
    ("auth", "enable"): Form("auth enable", 0),
    ("auth", "disable"): Form("auth disable", 0),
    ("auth", "status"): Form("auth status", 0),
    ("lock", ""): Form("lock NAME", 1, {"ttl": "int"}),
    ("elect", ""): Form("elect NAME", 2, {"listen": "switch"}),
}  # fmt: skip
GROUPS = tuple(dict.fromkeys(group for group, _ in FORMS))


@record()
class GroupLine:
    """A line of a group: the words after the group's name, and the flags with their values (``true`` for switches)."""

    words: tuple[bytes, ...]
    flags: tuple[tuple[str, str], ...] = ()


def read_group(group: str, words: list[bytes]) -> GroupLine:
    """Check a line against its form; raises ``GoTextError`` with what is wrong and how it is written."""
    subs = [sub for name, sub in FORMS if name == group]
    sub = ""
    if "" not in subs:
        if not words:
            return GroupLine(())
        sub = words[0].decode("utf-8", "replace")
        if sub not in subs:
            near = difflib.get_close_matches(sub, subs, 1)
            raise GoTextError(
                f"{group} has no {sub[:40]}" + (f". Did you mean {near[0]}?" if near else f": {', '.join(subs)}")
            )
        words = words[1:]
    form = FORMS[group, sub]
    found = read_flags(words, form.flags, f"{group} {sub}".strip())
    for name in (*found.on, *found.texts, *found.numbers):
        if name in form.refused:
            raise GoTextError(f"--{name} is not done here: {form.refused[name]}")
    if len(found.rest) > form.most:
        extra = found.rest[form.most].decode("utf-8", "replace")[:40]
        raise GoTextError(f"{extra} is one word too many; it is written {form.usage}")
    if form.instead:
        raise GoTextError(f"it is not done here: {form.instead}")
    flags = [(name, "true") for name in sorted(found.on)]
    flags += [*found.texts.items(), *((name, str(number)) for name, number in found.numbers.items())]
    return GroupLine((sub.encode(), *found.rest) if sub else tuple(found.rest), tuple(flags))
