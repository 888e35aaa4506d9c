"""What a value is and how it is shown."""
