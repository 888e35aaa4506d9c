"""Kubernetes' kinds by the word that its keys have for them."""

from __future__ import annotations

from collections.abc import Mapping

_KINDS = """
pods Pod|minions Node|nodes Node|namespaces Namespace|events Event|configmaps ConfigMap|secrets Secret
serviceaccounts ServiceAccount|controllers ReplicationController|podtemplates PodTemplate|limitranges LimitRange
resourcequotas ResourceQuota|persistentvolumes PersistentVolume|persistentvolumeclaims PersistentVolumeClaim
deployments Deployment|daemonsets DaemonSet|statefulsets StatefulSet|replicasets ReplicaSet
controllerrevisions ControllerRevision|jobs Job|cronjobs CronJob|leases Lease|endpointslices EndpointSlice
ingress Ingress|ingressclasses IngressClass|networkpolicies NetworkPolicy|ipaddresses IPAddress|servicecidrs ServiceCIDR
poddisruptionbudgets PodDisruptionBudget|horizontalpodautoscalers HorizontalPodAutoscaler
roles Role|rolebindings RoleBinding|clusterroles ClusterRole|clusterrolebindings ClusterRoleBinding
storageclasses StorageClass|csinodes CSINode|csidrivers CSIDriver|csistoragecapacities CSIStorageCapacity
volumeattachments VolumeAttachment|volumeattributesclasses VolumeAttributesClass|priorityclasses PriorityClass
runtimeclasses RuntimeClass|flowschemas FlowSchema|prioritylevelconfigurations PriorityLevelConfiguration
validatingwebhookconfigurations ValidatingWebhookConfiguration
mutatingwebhookconfigurations MutatingWebhookConfiguration
validatingadmissionpolicies ValidatingAdmissionPolicy
validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding
mutatingadmissionpolicies MutatingAdmissionPolicy|mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding
certificatesigningrequests CertificateSigningRequest|clustertrustbundles ClusterTrustBundle
apiservices APIService|customresourcedefinitions CustomResourceDefinition|podsecuritypolicy PodSecurityPolicy
resourceclaims ResourceClaim|resourceclaimtemplates ResourceClaimTemplate|resourceslices ResourceSlice
deviceclasses DeviceClass|storageversions StorageVersion
"""
KINDS: Mapping[str, str] = {
    pair.split()[0]: pair.split()[1] for line in _KINDS.split("\n") for pair in line.split("|") if pair.strip()
}
SHORT: Mapping[str, str] = {
    "po": "pods", "no": "minions", "node": "minions", "nodes": "minions", "ns": "namespaces", "ev": "events",
    "cm": "configmaps", "sa": "serviceaccounts", "rc": "controllers", "replicationcontrollers": "controllers",
    "pv": "persistentvolumes", "pvc": "persistentvolumeclaims", "deploy": "deployments", "ds": "daemonsets",
    "sts": "statefulsets", "rs": "replicasets", "cj": "cronjobs", "ing": "ingress", "ingresses": "ingress",
    "netpol": "networkpolicies", "pdb": "poddisruptionbudgets", "hpa": "horizontalpodautoscalers",
    "sc": "storageclasses", "pc": "priorityclasses", "csr": "certificatesigningrequests",
    "crd": "apiextensions.k8s.io/customresourcedefinitions", "svc": "services/specs", "service": "services/specs",
    "services": "services/specs", "ep": "services/endpoints", "endpoints": "services/endpoints",
    "customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
    "apiservices": "apiregistration.k8s.io/apiservices",
}  # fmt: skip
"""What kubectl also takes for a kind, as the keys have it."""


def kind_of(word: str) -> str:
    """``Pod`` of ``pods``; a word that is not known stays as it is."""
    return KINDS.get(word, word)


def stored_as(word: str) -> str:
    """The parts of a key for what a person calls a kind: ``services/specs`` of ``svc``; empty when it is none."""
    lowered = word.lower()
    if lowered in SHORT:
        return SHORT[lowered]
    if lowered in KINDS:
        return lowered
    found = next((plural for plural, kind in KINDS.items() if kind.lower() == lowered), "")
    return SHORT.get(found, found)
