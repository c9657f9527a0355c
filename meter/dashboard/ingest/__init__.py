"""From published records to rows: a batch of records in one transaction, positions included."""
