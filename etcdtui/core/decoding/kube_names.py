"""Field names of the Kubernetes messages that answer an operator's first questions; all others stay numbered."""

from __future__ import annotations

from etcdtui.core.decoding.wire_render import Schema

OWNER = Schema({1: "kind", 3: "name", 4: "uid", 5: "apiVersion", 6: "controller", 7: "blockOwnerDeletion"})
MANAGED = Schema(
    {1: "manager", 2: "operation", 3: "apiVersion", 4: "time", 6: "fieldsType", 7: "fieldsV1", 8: "subresource"}
)
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
    {13: OWNER, 17: MANAGED},
)
CONTAINER = Schema({1: "name", 2: "image", 3: "command", 4: "args", 5: "workingDir"})
POD_SPEC = Schema(
    {2: "containers", 3: "restartPolicy", 6: "dnsPolicy", 7: "nodeSelector", 8: "serviceAccountName", 10: "nodeName"},
    {2: CONTAINER},
)
CONDITION = Schema({1: "type", 2: "status"})
POD_STATUS = Schema(
    {1: "phase", 2: "conditions", 3: "message", 4: "reason", 5: "hostIP", 6: "podIP", 7: "startTime"}, {2: CONDITION}
)
NAMESPACE_SPEC = Schema({1: "finalizers"})
NAMESPACE_STATUS = Schema({1: "phase"})

_SPEC_AND_STATUS = (
    "APIService CertificateSigningRequest CronJob CustomResourceDefinition DaemonSet Deployment FlowSchema "
    "HorizontalPodAutoscaler Ingress Job NetworkPolicy Node PersistentVolume PersistentVolumeClaim "
    "PodDisruptionBudget PriorityLevelConfiguration ReplicaSet ReplicationController ResourceQuota Service "
    "StatefulSet VolumeAttachment"
)
_SPEC_ONLY = "CSIDriver CSINode IngressClass Lease LimitRange"


def _kind(names: dict[int, str], nested: dict[int, Schema] | None = None, *secret: int) -> Schema:
    return Schema({1: "metadata", **names}, {1: METADATA, **(nested or {})}, frozenset(secret))


ANY_KIND = _kind({})
KINDS: dict[str, Schema] = {
    **{kind: _kind({2: "spec", 3: "status"}) for kind in _SPEC_AND_STATUS.split()},
    **{kind: _kind({2: "spec"}) for kind in _SPEC_ONLY.split()},
    "Pod": _kind({2: "spec", 3: "status"}, {2: POD_SPEC, 3: POD_STATUS}),
    "Namespace": _kind({2: "spec", 3: "status"}, {2: NAMESPACE_SPEC, 3: NAMESPACE_STATUS}),
    "ConfigMap": _kind({2: "data", 3: "binaryData", 4: "immutable"}),
    "Secret": _kind({2: "data", 3: "type", 4: "stringData", 5: "immutable"}, None, 2, 4),
    "ServiceAccount": _kind({2: "secrets", 3: "imagePullSecrets", 4: "automountServiceAccountToken"}),
    "Endpoints": _kind({2: "subsets"}),
    "EndpointSlice": _kind({2: "endpoints", 3: "ports", 4: "addressType"}),
    "Role": _kind({2: "rules"}),
    "ClusterRole": _kind({2: "rules", 3: "aggregationRule"}),
    "RoleBinding": _kind({2: "subjects", 3: "roleRef"}),
    "ClusterRoleBinding": _kind({2: "subjects", 3: "roleRef"}),
    "Event": _kind({2: "involvedObject", 3: "reason", 4: "message", 8: "count", 9: "type"}),
    "PriorityClass": _kind({2: "value", 3: "globalDefault", 4: "description"}),
    "StorageClass": _kind({2: "provisioner", 3: "parameters", 4: "reclaimPolicy"}),
}
