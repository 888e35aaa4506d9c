"""CoreDNS' etcd plugin and SkyDNS: ``/skydns/<labels from the right>``, read as the name it answers."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Jump, Rule

ROOT = "/skydns/"


class SkyDns(Family):
    """A name is typed as it is asked for; its labels are turned round."""

    def jump(self, words: str) -> Jump:
        labels = [label for label in words.strip("./ ").split(".") if label]
        if not labels:
            return Jump(path=ROOT.encode())
        return Jump(path=(ROOT + "/".join(reversed(labels))).encode("utf-8", "surrogateescape"))


FAMILY = SkyDns(
    "DNS",
    ("cn", "dns", "skydns"),
    (
        Rule(f"{ROOT}{{labels...}}/", "{labels|dns}"),
        Rule(
            f"{ROOT}{{labels...}}",
            "{labels|dns}",
            "CoreDNS answers with it at once, for as long as the TTL in the value.",
        ),
    ),
    root=ROOT.encode(),
)
