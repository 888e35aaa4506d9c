"""Known installations of etcd: where they listen, where their certificates are, and what not to touch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from etcdtui.config.environ import env_profile
from etcdtui.config.schema import DEFAULT_ENDPOINT, DecoderRule, Profile, Tls

LOCAL_TLS = f"https://{DEFAULT_ENDPOINT}"
KUBERNETES_FILES: Mapping[str, tuple[str, str, str, str]] = {
    "kubeadm": ("/etc/kubernetes/pki/etcd", "ca.crt", "healthcheck-client.crt", "healthcheck-client.key"),
    "k3s": ("/var/lib/rancher/k3s/server/tls/etcd", "server-ca.crt", "client.crt", "client.key"),
    "rke2": ("/var/lib/rancher/rke2/server/tls/etcd", "server-ca.crt", "client.crt", "client.key"),
}
"""Folder, CA, client certificate, client key."""


def apply_preset(base: Profile, preset: str, environ: Mapping[str, str]) -> Profile:
    """``base`` with what the preset sets. ``env`` may raise ``environ.SettingRefused``."""
    if preset == "env":
        return replace(env_profile(base, environ), preset="env")
    if preset == "patroni":
        leader = "/service/*/leader"
        base = replace(base, locks=(leader, "/service/*/*/leader"))
        return replace(base, preset=preset, endpoints=(DEFAULT_ENDPOINT,), environment="prod", protect=(leader,))
    folder, ca, cert, key = KUBERNETES_FILES[preset]
    return replace(
        base,
        preset=preset,
        endpoints=(LOCAL_TLS,),
        environment="prod",
        tls=Tls(cacert=f"{folder}/{ca}", cert=f"{folder}/{cert}", key=f"{folder}/{key}"),
        protect=("/registry/**",),
        locks=("/registry/leases/*/*",),
        decoders=(DecoderRule(match="/registry/**", use="k8s"),),
    )


def unreadable_notice(profile: Profile) -> str:
    """What to do when the preset's certificates exist for root only, or an empty string."""
    if profile.preset not in KUBERNETES_FILES:
        return ""
    for path in (profile.tls.cacert, profile.tls.cert, profile.tls.key):
        try:
            with Path(path).open("rb"):
                pass
        except PermissionError:
            return f"{path}: permission denied; run with sudo, or copy the client certificate"
        except OSError as error:
            return f"{path}: {error.strerror}"
    return ""


def installed_here(root: Path = Path("/")) -> tuple[str, ...]:
    """The Kubernetes presets whose folder of certificates is seen on this host."""
    found = []
    for preset, (folder, ca, _, _) in KUBERNETES_FILES.items():
        try:
            (root / folder.lstrip("/") / ca).stat()
        except PermissionError:
            found.append(preset)
        except OSError:
            continue
        else:
            found.append(preset)
    return tuple(found)
