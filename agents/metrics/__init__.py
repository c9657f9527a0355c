"""What the worker counts and measures, and how far it is behind, for `/metrics`."""
