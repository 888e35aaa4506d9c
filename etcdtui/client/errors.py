"""The error tree of the client: ``core.errors`` under the name scripts import."""

from __future__ import annotations

from etcdtui.core.errors import *  # noqa: F403
