"""`meter doctor`: checks each thing that a worker needs, and says what to do about it."""
