"""Advice and simulations as pages: worked out in a process of their own, bounded in time, memory and number."""
