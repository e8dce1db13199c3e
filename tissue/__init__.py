"""Mechanics and transport of an active viscous fluid that carries points."""
