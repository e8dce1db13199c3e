"""Broken models, by chance and by hand, and what must become of them."""
