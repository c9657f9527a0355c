"""Advice on plans: closed days replayed against other plans, the best of them found, the day's end forecast."""
