"""The meter as its users meet it: `meter worker` beside a real Kafka, spoken to by an independent client."""
