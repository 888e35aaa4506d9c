"""Names of the fields that every Kubernetes object has, for kinds that the shipped schema does not know."""

from __future__ import annotations

from etcdtui.core.decoding.wire_render import Schema

OWNER = Schema({1: "kind", 3: "name", 4: "uid", 5: "apiVersion", 6: "controller", 7: "blockOwnerDeletion"})
METADATA = Schema(
    {
        1: "name",
        2: "generateName",
        3: "namespace",
        4: "selfLink",
        5: "uid",
        6: "resourceVersion",
        7: "generation",
        8: "creationTimestamp",
        9: "deletionTimestamp",
        10: "deletionGracePeriodSeconds",
        11: "labels",
        12: "annotations",
        13: "ownerReferences",
        14: "finalizers",
        17: "managedFields",
    },
    {13: OWNER},
)
ANY_KIND = Schema({1: "metadata"}, {1: METADATA})
