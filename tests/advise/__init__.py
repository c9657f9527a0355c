"""Tests of meter/advise."""
