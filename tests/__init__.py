"""The tests, and the two things they judge by: the oracle (SPEC read a second time) and the generators."""
