"""Tests of the rows: how they are keyed, packed, kept and brought back."""
