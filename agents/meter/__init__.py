"""The meter: folds journal partitions in fenced transactions and ends billing days."""
