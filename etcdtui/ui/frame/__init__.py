"""The frame that every screen stands in, and what a screen may ask of the program around it."""
