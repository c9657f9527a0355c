"""The rules, by themselves: laws, worked cases, tables."""
