"""What everything stands on: the box, the state of a region, threads, words and streams."""
