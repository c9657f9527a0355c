"""What the rules of the fold share: rows, facts, caches and the causes of changes."""
