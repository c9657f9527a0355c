"""What tests stand on: real clusters and certificates."""
