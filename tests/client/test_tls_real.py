"""TLS against real servers: good material works, every bad kind is named."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from etcdtui.client import ClientOptions, TlsOptions, connect, errors
from tests.conftest import ServerFactory
from tests.support.server import Server
from tests.support.tls import CertFiles, TlsMaterial


async def _refused(options: ClientOptions) -> errors.TlsError:
    async with connect(options) as client:
        with pytest.raises(errors.TlsError) as caught:
            await client.kv.put("k", "v", timeout=6)
    assert caught.value.endpoint == options.endpoints[0]
    assert caught.value.applied == "no"
    return caught.value


async def test_private_ca_by_file_by_bytes_and_by_first_use(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server())
    for endpoint, trust in (
        (server.endpoint, TlsOptions(ca_file=tls.ca)),
        (f"https://{server.endpoint}", TlsOptions(ca=tls.ca.read_bytes())),
        (f"https://{server.endpoint}", TlsOptions(insecure_skip_verify=True)),
        (server.endpoint, TlsOptions(ca_file=tls.ca, server_name="localhost")),
    ):
        async with connect(ClientOptions(endpoints=(endpoint,), tls=trust)) as client:
            await client.kv.put("k", "v")
            assert (await client.kv.get("k")).kvs[0].value == b"v"


async def test_wrong_ca_system_roots_and_wrong_server_name(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server())
    secure = f"https://{server.endpoint}"
    wrong = await _refused(ClientOptions(endpoints=(secure,), tls=TlsOptions(ca_file=tls.wrong_ca)))
    assert "not trusted" in wrong.message
    roots = await _refused(ClientOptions(endpoints=(secure,)))
    assert "trusted" in roots.message
    name = await _refused(
        ClientOptions(endpoints=(secure,), tls=TlsOptions(ca_file=tls.ca, server_name="other.example"))
    )
    assert 'not valid for the name "other.example"' in name.message


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("server_expired", "has expired"),
        ("server_not_yet", "not yet valid"),
        ("server_wrong_name", 'not valid for the address "127.0.0.1"'),
    ],
)
async def test_bad_server_certificates(etcd_server: ServerFactory, tls: TlsMaterial, which: str, words: str) -> None:
    files: CertFiles = getattr(tls, which)
    server = await etcd_server(tls=tls.server(files))
    options = ClientOptions(endpoints=(f"https://{server.endpoint}",), tls=TlsOptions(ca_file=tls.ca))
    assert words in (await _refused(options)).message
    if which == "server_wrong_name":
        async with connect(
            ClientOptions(endpoints=options.endpoints, tls=TlsOptions(insecure_skip_verify=True))
        ) as client:
            await client.kv.put("k", "v")


async def test_client_certificates(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server(client_auth=True))
    endpoints = (f"https://{server.endpoint}",)
    good = TlsOptions(ca_file=tls.ca, cert_file=tls.client.cert, key_file=tls.client.key)
    async with connect(ClientOptions(endpoints=endpoints, tls=good)) as client:
        await client.kv.put("k", "v")
    for files in (None, tls.client_expired, tls.client_untrusted):
        trust = TlsOptions(
            ca_file=tls.ca, cert_file=files.cert if files else None, key_file=files.key if files else None
        )
        error = await _refused(ClientOptions(endpoints=endpoints, tls=trust))
        assert "client certificate" in error.message, error.message


async def test_plaintext_to_tls_and_tls_to_plaintext(
    etcd: Server, etcd_server: ServerFactory, tls: TlsMaterial
) -> None:
    server = await etcd_server(tls=tls.server())
    assert "speaks TLS" in (await _refused(ClientOptions(endpoints=(server.endpoint,)))).message
    assert "speaks TLS" in (await _refused(ClientOptions(endpoints=(f"http://{server.endpoint}",)))).message
    error = await _refused(ClientOptions(endpoints=(f"https://{etcd.endpoint}",), tls=TlsOptions(ca_file=tls.ca)))
    assert "plaintext" in error.message


async def test_http_first_does_not_switch_tls_off_for_https(etcd: Server, tls: TlsMaterial) -> None:
    options = ClientOptions(
        endpoints=(f"http://{etcd.endpoint}", f"https://{etcd.endpoint}"), tls=TlsOptions(ca_file=tls.ca)
    )
    async with connect(options) as client:
        await client.maintenance.status(options.endpoints[0])
        with pytest.raises(errors.TlsError, match="plaintext"):
            await client.maintenance.status(options.endpoints[1])
        await client.kv.put("k", "v")


async def test_new_certificate_files_are_taken_without_a_new_client(
    etcd_server: ServerFactory, tls: TlsMaterial, tmp_path: Path
) -> None:
    server = await etcd_server(tls=tls.server())
    ca = tmp_path / "ca.crt"
    ca.write_bytes(tls.wrong_ca.read_bytes())
    async with connect(ClientOptions(endpoints=(f"https://{server.endpoint}",), tls=TlsOptions(ca_file=ca))) as client:
        with pytest.raises(errors.TlsError):
            await client.kv.get("k")
        ca.write_bytes(tls.ca.read_bytes() + b"\n")
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.kv.get("k")
                    break
                except errors.TlsError:
                    continue


async def test_nothing_reaches_the_terminal(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server(client_auth=True))
    script = (
        "import asyncio\n"
        "from etcdtui.client import *\n"
        "async def main():\n"
        "    asyncio.get_running_loop().slow_callback_duration = 60\n"  # else told of a machine under load
        f"    tls = TlsOptions(ca_file={str(tls.wrong_ca)!r})\n"
        f"    async with connect(ClientOptions(endpoints=('https://{server.endpoint}',), tls=tls)) as client:\n"
        "        try:\n"
        "            await client.kv.get('k')\n"
        "        except errors.TlsError:\n"
        "            pass\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert output == b""
    assert process.returncode == 0
