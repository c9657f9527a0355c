"""The dashboard: a read model of the published topics in one SQLite file, and the pages that show it."""
