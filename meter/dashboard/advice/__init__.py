"""Advice and simulations as pages: computed in a separate process, with limits on time, memory and number."""
