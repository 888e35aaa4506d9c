"""The Watch screen and its parts."""
