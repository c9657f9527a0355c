"""Tests of the hands: what the intake does with single records."""
