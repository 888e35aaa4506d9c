"""Below the client's public faces: how requests and answers are written on the wire."""
