"""Every failpoint of the product, by the run of tests/faults/test_failpoints_*.py that ends a worker there.

A test holds the list against the calls in the source, and every run dies at every one of its names.
"""

#: Intake → journal: fetched, what `workspaces` said is known, read and packed, written, acknowledged, committed.
INTAKE = (
    "intake.fetched",
    "intake.directory-known",
    "intake.dead-letter-sent",
    "intake.read",
    "journal.packed",
    "journal.sent",
    "journal.acknowledged",
    "intake.acknowledged",
    "intake.committing",
    "intake.committed",
)
#: A piece of the log of workspaces is in the table, and nobody has acted on it.
DIRECTORY = ("intake.directory-kept",)
#: A journal partition is taken: fenced, restored a batch and whole, checked.
TAKING = ("meter.fenced", "restore.fetched", "restore.batch-stored", "meter.restored", "meter.checked")
#: Journal → everything: folded, begun, written, acknowledged, committed, taken over into the store, told.
CHUNK = (
    "meter.folded",
    "transaction.begun",
    "transaction.batch-sent",
    "transaction.acknowledged",
    "meter.committed",
    "meter.stored",
    "meter.telling",
    "meter.told",
)
#: A partition is let go after SIGTERM.
LETTING_GO = ("meter.producer-stopped", "meter.store-closed")
#: The journal's first records, and versions of the catalog.
OPENING = ("opening.written", "opening.copied", "announcing.decided", "announcing.copied")
#: Workspace topics: a small chunk waits to be packed with others, and is acknowledged; one topic is set aside and its
#: gap skipped.
OWN_TOPICS = (
    "own-topics.followed",
    "own-topics.packed",
    "own-topics.acknowledged",
    "own-topics.committed",
    "lane.set-aside",
    "skip.told",
    "skip.committed",
)
#: A day closes, slice after slice, and another expires.
DAY_END = (
    "day-end.time-asked",
    "day-end.watermarks-asked",
    "day-end.handled",
    "day-end.close-appended",
    "day-end.expiry-appended",
)
ALL = (*INTAKE, *DIRECTORY, *TAKING, *CHUNK, *LETTING_GO, *OPENING, *OWN_TOPICS, *DAY_END)
