"""Demonstrations, each a script to read from top to bottom."""
