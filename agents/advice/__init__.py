"""Reads from Kafka what advice needs: closed days and the open one, as published."""
