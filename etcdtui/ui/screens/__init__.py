"""The main screens; ``entries.py`` says which there are. Importing this package loads none of them."""
