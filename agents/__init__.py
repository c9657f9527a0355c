"""The worker's roles: the intake and the meter, and what a worker needs around them."""
