"""The cluster itself: members, health, leases, users and roles."""
