"""What the commands do, apart from their command line."""
