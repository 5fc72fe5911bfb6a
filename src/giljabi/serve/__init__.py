"""How it is reached: the HTTP application."""
