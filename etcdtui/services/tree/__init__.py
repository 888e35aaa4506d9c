"""The Keys screen without a terminal."""
