"""One file for whoever helps: findings, members, versions, figures and the profile; no keys, values or secrets."""

from __future__ import annotations

import io
import json
import platform
import time
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from importlib.metadata import PackageNotFoundError, version

from etcdtui import __version__
from etcdtui.config.describe import config_text
from etcdtui.config.schema import NO_MAP, Config, Profile
from etcdtui.core.errors import EtcdError
from etcdtui.services.cluster.doctor.inputs import Inputs, MemberLook
from etcdtui.services.cluster.doctor.report import Report, report_json, report_text

LIBRARIES = ("textual", "grpcio", "protobuf", "cryptography", "httpcore", "prometheus-client", "PyYAML")


def bundle_bytes(profile: Profile, report: Report, inputs: Inputs | None) -> bytes:
    """A zip of texts. Endpoints, member names and user names are in it; what names keys is left out."""
    named = time.strftime("doctor-%Y%m%d-%H%M%S", time.gmtime(report.checked_at))
    files = {
        "report.txt": report_text(report),
        "report.json": report_json(report),
        "versions.txt": _versions(inputs),
        "profile.yaml": config_text(Config(profiles=(_without_keys(profile),))),
    }
    if inputs is not None:
        files["members.json"] = json.dumps([_member(look) for look in inputs.looks], indent=1)
        files["leader-changes.json"] = json.dumps(_plain(tuple(inputs.samples.changes)), indent=1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{named}/{name}", text)
    return buffer.getvalue()


def _without_keys(profile: Profile) -> Profile:
    return replace(profile, bookmarks=NO_MAP, start=None, protect=(), decoders=())


def _versions(inputs: Inputs | None) -> str:
    lines = [f"etcdtui {__version__}", f"python {platform.python_version()} on {platform.platform()}"]
    for name in LIBRARIES:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} not installed")
    looks = inputs.looks if inputs is not None else ()
    lines += [f"{look.name}: etcd {look.status.version if look.status else 'not known'}" for look in looks]
    return "\n".join(lines) + "\n"


def _member(look: MemberLook) -> dict[str, object]:
    scrape = look.metrics.latest
    return {
        "member": _plain(look.row.member),
        "endpoint": look.row.endpoint,
        "state": look.row.state,
        "problem": str(look.row.problem) if look.row.problem else "",
        "rtt": look.row.rtt,
        "status": _plain(look.status),
        "read": _plain(look.read),
        "http": _plain(look.facts),
        "metrics_why": look.metrics.why,
        "metrics": dict(scrape.values) if scrape else {},
    }


def _plain(value: object) -> object:
    """Our values as JSON knows them; member and cluster IDs stay numbers."""
    if isinstance(value, EtcdError):
        return str(value)
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
