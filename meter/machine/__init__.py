"""This machine: what it refuses, what a worker needs of it, files that are its user's alone."""
