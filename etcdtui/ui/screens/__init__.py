"""The main screens; ``built.py`` says which there are. Importing this package loads none of them."""
