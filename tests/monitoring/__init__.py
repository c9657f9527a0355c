"""Alerts, dashboards and their runbook, without Kafka."""
