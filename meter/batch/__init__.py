"""The chunked path under Faust: transport, transactions, store, restore. Nothing of the domain."""
