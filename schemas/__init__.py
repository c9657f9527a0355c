"""The words of the meter: the shape of every record, row and catalog entry."""
