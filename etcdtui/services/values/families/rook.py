"""Rook: custom resources of Ceph that its operator acts on, and what it keeps in secrets and config maps."""

from __future__ import annotations

from etcdtui.services.values.families.family import Family, Rule

ROOT = "/registry/ceph.rook.io/"
EFFECT = (
    "The operator acts on it as soon as the apiserver serves it; deleting one past its finalizers leaves Ceph behind."
)
SECRETS = "Without it the operator cannot reach Ceph any more."
_KINDS = {
    "cephclusters": "CephCluster",
    "cephblockpools": "CephBlockPool",
    "cephfilesystems": "CephFilesystem",
    "cephfilesystemsubvolumegroups": "CephFilesystemSubVolumeGroup",
    "cephobjectstores": "CephObjectStore",
    "cephobjectstoreusers": "CephObjectStoreUser",
    "cephclients": "CephClient",
    "cephnfses": "CephNFS",
    "cephrbdmirrors": "CephRBDMirror",
}

FAMILY = Family(
    "Rook",
    ("rook", "ceph"),
    (
        *(
            Rule(f"{ROOT}{plural}/{{ns}}/{{name}}", f"{kind} {{ns}}/{{name}}", EFFECT)
            for plural, kind in _KINDS.items()
        ),
        Rule(f"{ROOT}{{kinds}}/{{ns}}/{{name}}", "{kinds} {ns}/{name}", EFFECT),
        Rule(f"{ROOT}{{kinds}}/", "every one of {kinds}"),
        Rule("/registry/configmaps/{ns}/rook-ceph-mon-endpoints", "addresses of Ceph's monitors in {ns}", SECRETS),
        Rule("/registry/secrets/{ns}/rook-ceph-mon", "keys of Ceph's monitors in {ns}", SECRETS),
        Rule("/registry/secrets/{ns}/rook-ceph-{name}", "Ceph keys of {name} in {ns}", SECRETS),
        Rule("/registry/configmaps/{ns}/rook-ceph-{name}", "Rook's {name} in {ns}", EFFECT),
    ),
    advice="Use kubectl and the toolbox of Rook.",
    jumps=(f"{ROOT}cephclusters/{{ns}}/{{name}}", f"{ROOT}{{kinds}}/{{ns}}/{{name}}"),
    root=ROOT.encode(),
)
