"""Kubernetes: ``/registry/<kinds>/[<namespace>/]<name>``, the prefixes of OpenShift, and what k3s adds."""

from __future__ import annotations

from etcdtui.services.values.families.family import MAX_KEY, Family, Jump, Named
from etcdtui.services.values.families.kinds import KINDS, kind_of, stored_as

ROOTS = ("/registry/", "/kubernetes.io/", "/openshift.io/")
CLUSTER_WIDE = frozenset(
    [
        "minions",
        "namespaces",
        "persistentvolumes",
        "clusterroles",
        "clusterrolebindings",
        "storageclasses",
        "csinodes",
        "csidrivers",
        "volumeattachments",
        "volumeattributesclasses",
        "priorityclasses",
        "runtimeclasses",
        "flowschemas",
        "prioritylevelconfigurations",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "certificatesigningrequests",
        "clustertrustbundles",
        "podsecuritypolicy",
        "ipaddresses",
        "servicecidrs",
        "ingressclasses",
        "resourceslices",
        "deviceclasses",
        "storageversions",
    ]
)
EFFECT = "It passes over admission, finalizers and audit, and the apiserver may go on serving the old object."
_SERVICES = {"specs": "Service", "endpoints": "Endpoints"}
_OWN = {
    "ranges/serviceips": "which service addresses are taken",
    "ranges/servicenodeports": "which node ports are taken",
    "health": "what the apiserver reads to see whether etcd answers",
}


class Kubernetes(Family):
    """What a key of it names is told by its number of parts, so it has no patterns."""

    def recognise(self, key: bytes) -> Named | None:
        text = key.decode("utf-8", "surrogateescape")
        if text == "compact_rev_key":
            return Named(self, "the revision that the apiserver compacted last", "Compaction may stop or repeat.")
        if text.startswith("/bootstrap/") and text.count("/") == 2:
            return Named(
                self, "k3s: certificates and tokens of the cluster, encrypted", "No server could join any more."
            )
        root = next((root for root in ROOTS if text.startswith(root)), "")
        if not root or len(key) > MAX_KEY:
            return None
        words = _words(text[len(root) :])
        return Named(self, words, EFFECT) if words else None

    def jump(self, words: str) -> Jump:
        """``pod/prod/web``, ``ns/prod``, ``prod/web`` or ``web``: an object, or all that is in a namespace."""
        parts = [part for part in words.strip("/ ").split("/") if part]
        kind = stored_as(parts[0]) if len(parts) > 1 else ""
        if kind:
            return Jump(path="/".join([ROOTS[0] + kind, *parts[1:]]).encode("utf-8", "surrogateescape"))
        return super().jump(words)


def _words(rest: str) -> str:
    if rest in _OWN:
        return _OWN[rest]
    folder = rest.endswith("/")
    parts = rest.strip("/").split("/")
    group = parts.pop(0) if "." in parts[0] else ""
    if not parts or not all(parts):
        return f"objects of {group}" if group else ""
    if parts[0] == "services" and len(parts) > 1 and not group:
        kind, names = _SERVICES.get(parts[1], ""), parts[2:]
    elif parts[0] == "masterleases" and len(parts) == 2:
        return f"the apiserver at {parts[1]}"
    else:
        kind, names = kind_of(parts[0]), parts[1:]
    if group and group not in ("apiregistration.k8s.io", "apiextensions.k8s.io"):
        kind = f"{kind} ({group})"
    if not kind or len(names) > 2:
        return ""
    if folder:
        return f"{kind}, those of {'/'.join(names)}" if names else f"{kind}, all of them"
    if len(names) == 1 and not group and parts[0] in KINDS and parts[0] not in CLUSTER_WIDE:
        return ""
    return f"{kind} {'/'.join(names)}" if names else ""


FAMILY = Kubernetes(
    "Kubernetes",
    ("k8s", "kube"),
    (),
    advice="Use kubectl.",
    root=b"/registry/",
)
