"""A terminal UI for people who run etcd v3, and the client beneath it."""

__version__ = "0.1.0"
