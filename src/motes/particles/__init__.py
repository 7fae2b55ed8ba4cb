"""Particles, and where they come from: lattices, random positions, recipes and files."""
