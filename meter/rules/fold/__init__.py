"""The fold of the journal, a file for each kind of journal entry."""
