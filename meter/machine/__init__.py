"""This machine: its shortages, what a worker needs of it, and private files."""
