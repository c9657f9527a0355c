"""What the records and the catalogue promise."""
