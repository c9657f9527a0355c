"""From a usage record's acknowledgement to its overage, beside Kafka Streams."""
