"""One rank's work: the order of a step, and what rank 0 may ask of it."""
