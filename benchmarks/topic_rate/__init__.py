"""What an event costs at a fixed rate: through workspace topics, through the shared topic, through Kafka Streams."""
