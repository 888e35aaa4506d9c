"""What goes over the line: frames below Textual, of which only what changed on the screen is sent."""
