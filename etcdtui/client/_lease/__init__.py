"""Below the client's public faces: the renewals of leases."""
