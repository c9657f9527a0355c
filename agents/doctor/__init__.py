"""`meter doctor`: each thing that a worker needs, looked at by itself, with its mend."""
