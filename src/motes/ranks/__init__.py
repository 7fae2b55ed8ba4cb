"""How a program comes to have ranks, and how rank 0 leads the others."""
