"""Identities of counted events: kept as long as their day can change."""
