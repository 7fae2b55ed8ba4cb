"""Particles, and where they come from: lattices, random places, recipes and files."""
