"""Locks, elections and leader keys: recognised from keys and leases alone, followed, and broken."""
