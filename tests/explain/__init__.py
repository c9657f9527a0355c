"""Explanations held against what was published, against an oracle, and against mutations."""
