"""Opening a profile and what one opened profile holds."""
