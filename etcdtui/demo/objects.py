"""Values that need building: a Kubernetes-looking object in protobuf, and a PEM certificate."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

K8S_MAGIC = b"k8s\0"
LIFETIME = datetime.timedelta(days=20)
CREATED = 1_767_225_600
"""Unix seconds: the first moment of 2026."""

Field = tuple[int, bytes | str | int]


def varint(number: int) -> bytes:
    """A non-negative number in protobuf's base 128."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def message(*fields: Field) -> bytes:
    """Fields of a protobuf message: text and bytes (also nested messages) length-delimited, integers as varints."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(raw)) + raw
    return out


def envelope(api_version: str, kind: str, body: bytes) -> bytes:
    """What an apiserver writes before an object: magic, type, and the object as raw bytes."""
    return K8S_MAGIC + message((1, message((1, api_version), (2, kind))), (2, body), (3, ""), (4, ""))


def metadata(namespace: str, name: str, app: str) -> bytes:
    """Object metadata with one label; the UID is made from the names, so it is the same each time."""
    uid = f"{sum(name.encode()):08x}-{len(name):04x}-4000-8000-{sum(namespace.encode()):012x}"
    return message(
        (1, name),
        (3, namespace),
        (5, uid),
        (8, message((1, CREATED))),
        (11, message((1, "app"), (2, app))),
    )


def pod(namespace: str, name: str, app: str, image: str, node: str) -> bytes:
    container = message((1, app), (2, image))
    spec = message((2, container), (3, "Always"), (10, node))
    status = message((1, "Running"), (6, "10.42.0.17"))
    return envelope("v1", "Pod", message((1, metadata(namespace, name, app)), (2, spec), (3, status)))


def config_map(namespace: str, name: str, **data: str) -> bytes:
    entries: list[Field] = [(2, message((1, key), (2, value))) for key, value in data.items()]
    return envelope("v1", "ConfigMap", message((1, metadata(namespace, name, name)), *entries))


def certificate(host: str) -> bytes:
    """A self-signed certificate in PEM that runs out in some weeks; its key is thrown away."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return cert.public_bytes(serialization.Encoding.PEM)
