"""One gRPC channel an endpoint, with the options that were measured to work against etcd.

Proxies from the environment are not used, for any endpoint: gRPC obeys them even for 127.0.0.1 and for plaintext.
"""

from __future__ import annotations

from dataclasses import replace

import grpc
import grpc.aio

from etcdtui.client._wire.endpoints import Endpoint, parse_endpoint
from etcdtui.client.options import MAX_MESSAGE, ClientOptions

__all__ = ["channel_options", "endpoint_of", "insecure_channel", "secure_channel"]

CONNECT_LEAST = 3.0
"""Seconds after which a peer that accepts and stays silent is given up, at least (gRPC's default is 20 s).

A dial timeout above that counts instead: connecting takes three round trips and more, which may be seconds each.
"""
CONNECT_MOST = 60.0
RECONNECT_FIRST_MS, RECONNECT_MAX_MS = 300, 2000

OptionList = list[tuple[str, int | str]]


def channel_options(options: ClientOptions) -> OptionList:
    """gRPC arguments for ``options``. Keep-alive works only when all four of its options are set together."""
    chosen: OptionList = [
        ("grpc.max_send_message_length", options.max_request_bytes),
        ("grpc.max_receive_message_length", -1 if options.max_recv_bytes >= MAX_MESSAGE else options.max_recv_bytes),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", RECONNECT_FIRST_MS),
        ("grpc.min_reconnect_backoff_ms", int(min(max(options.dial_timeout, CONNECT_LEAST), CONNECT_MOST) * 1000)),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ("grpc.service_config_disable_resolution", 1),
    ]
    if options.keepalive_time > 0:
        timeout = max(1, int(options.keepalive_timeout * 1000))
        chosen += [
            ("grpc.keepalive_time_ms", min(int(options.keepalive_time * 1000), MAX_MESSAGE)),
            ("grpc.keepalive_timeout_ms", min(timeout, MAX_MESSAGE)),
            ("grpc.http2.ping_timeout_ms", min(timeout, MAX_MESSAGE)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.keepalive_permit_without_calls", int(options.permit_without_stream)),
        ]
    return chosen


def insecure_channel(endpoint: Endpoint, options: ClientOptions, *, relay: str = "") -> grpc.aio.Channel:
    """``relay`` is the path of a socket that is dialled instead."""
    arguments = channel_options(options)
    if relay or endpoint.via:
        arguments.append(("grpc.default_authority", endpoint.address))
    return grpc.aio.insecure_channel(f"unix:{relay}" if relay else endpoint.target, options=arguments)


def secure_channel(
    endpoint: Endpoint,
    options: ClientOptions,
    *,
    roots: bytes,
    cert: bytes | None,
    key: bytes | None,
    name_override: str,
) -> grpc.aio.Channel:
    """``roots`` must not be empty, ``cert`` and ``key`` come together: gRPC does not survive anything else."""
    if not roots or (cert is None) != (key is None):
        raise ValueError("roots are empty, or only one of certificate and key is given")
    credentials = grpc.ssl_channel_credentials(roots, key, cert)
    arguments = channel_options(options)
    if name_override:
        arguments.append(("grpc.ssl_target_name_override", name_override))
    return grpc.aio.secure_channel(endpoint.target, credentials, options=arguments)


def endpoint_of(options: ClientOptions, text: str) -> Endpoint:
    """An endpoint parsed, with the end of the tunnel that leads to it; raises ``ConfigError``."""
    parsed = parse_endpoint(text)
    via = options.through.get(parsed.address, "")
    return replace(parsed, via=via) if via else parsed
