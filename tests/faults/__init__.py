"""Faults on a real Kafka: workers and brokers killed and paused, answers that never come, stores and topics spoiled."""
