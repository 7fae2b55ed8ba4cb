"""Numbers that no order can change: grids, arithmetic, functions and noise whose bits no compiler decides."""
