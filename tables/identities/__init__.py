"""Identities of counted events: remembered as long as their day can change."""
