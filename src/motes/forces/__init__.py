"""What particles feel: energies written by users, traced, differentiated and compiled."""
