"""Following budgets and published figures: a process of its own."""
