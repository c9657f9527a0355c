"""What advice reads of Kafka: closed days and the open one, as published."""
