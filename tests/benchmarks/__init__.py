"""What the measurements stand on: their statistics and their plots."""
