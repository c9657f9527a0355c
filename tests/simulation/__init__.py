"""The real core and the real steps around it, driven by a seed through crashes, doubts, zombies and repeats."""
