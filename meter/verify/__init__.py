"""A second meter that counts the journal again by plain loops and compares the result with what was published.

It shares no rule with the fold: only the records (`schemas`), the days (`meter.rules.billing_days`) and the reading of
the catalog. Where the two differ, one of them is wrong.
"""
