"""Budgets: limits of what accounts are charged or use, and the states that follow from published figures."""
