"""Kafka's side: topics and their settings, the admin client, readers of published records."""
