"""Watches as a tail."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(__name__, {"headless": "headless", "replay": "replay"})
