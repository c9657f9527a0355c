"""What the fold publishes, a file for each output topic."""
