"""A second, dumb meter: the journal counted again by plain loops, and what was published held against it.

It shares no rule with the fold it judges, only the words (`schemas`), the days (`meter.rules.billing_days`) and the
reading of the catalog; where the two differ, one of them is wrong.
"""
