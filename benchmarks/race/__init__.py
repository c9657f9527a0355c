"""The race: one usage-metering job done by several stream processors, on one real Kafka, in one run."""
