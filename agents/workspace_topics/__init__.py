"""Workspace topics (`usage.<workspace>`): found while the worker runs, each read by a lane of its own."""
