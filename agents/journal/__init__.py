"""The journal as a whole: its opening, its facts and its catalog versions, and reading it."""
