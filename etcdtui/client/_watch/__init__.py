"""Below the client's public faces: watchers: decisions, buffers, events, and the streams they share."""
