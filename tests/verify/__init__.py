"""`meter verify`: the recount against the oracle, against what the fold publishes, and against planted differences."""
