"""The dashboard: what its pages say, how they look, what they keep while they change."""
