"""All changes to aiokafka, each with the version that it is for."""
