"""Below the client's public faces: connections, calls and streams.

gRPC's C core writes to the terminal on TLS failures and GOAWAYs unless its environment says otherwise before it is
imported, and only this package imports it. A value the user set is kept.
"""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
