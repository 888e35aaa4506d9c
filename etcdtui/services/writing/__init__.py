"""Changing keys: guard, plans, sending, undo, and the files kept of it."""
