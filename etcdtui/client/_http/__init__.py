"""Below the client's public faces: the HTTP library, imported when something is first asked over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.core.late import late

if TYPE_CHECKING:
    from etcdtui.client._http.library import FAILURES as FAILURES
    from etcdtui.client._http.library import AsyncConnectionPool as AsyncConnectionPool
    from etcdtui.client._http.library import RemoteProtocolError as RemoteProtocolError
    from etcdtui.client._http.library import TimeoutException as TimeoutException

_NAMES = ("FAILURES", "AsyncConnectionPool", "RemoteProtocolError", "TimeoutException")
__getattr__ = late(__name__, dict.fromkeys(_NAMES, "library"))
