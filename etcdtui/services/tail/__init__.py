"""Watches as a tail."""
