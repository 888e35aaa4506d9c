"""Below the client's public faces: what a client does through them by itself, as following the members."""
