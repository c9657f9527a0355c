"""Plans in the browser: forms that quote an order as it is filled in, send it once, and show what became of it."""
