"""What the dashboard sees of the running meter beside its published topics: groups, lag, workers."""
