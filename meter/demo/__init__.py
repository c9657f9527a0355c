"""The demo's day: its usage and orders (pure), the expected result, and the processes that play it."""
