"""The chunked path under Faust: transport, transactions, store, restore. It knows nothing of the domain."""
