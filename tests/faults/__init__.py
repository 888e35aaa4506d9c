"""What an operator sees when things go wrong: the real program on a real terminal against real, mistreated servers."""
