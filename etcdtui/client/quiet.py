"""Keeps gRPC's C core silent: it writes to the terminal on TLS failures and GOAWAYs unless told not to at import.

A value the user set himself is kept.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
