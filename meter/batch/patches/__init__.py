"""Everything that changes aiokafka, each with the version it is for."""
