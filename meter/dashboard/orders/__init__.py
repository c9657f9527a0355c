"""Order forms: they quote an order while it is filled in, send it once, and show its outcome."""
