"""A second implementation that recounts the journal by plain loops and compares the result with published figures.

It shares no rule with the fold, only the records (`schemas`), the days (`meter.rules.billing_days`) and the parsing of
the catalog. If the two differ, one of them is wrong.
"""
