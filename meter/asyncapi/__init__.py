"""What stands on each topic, described for programs (AsyncAPI) and for people (docs/topics.md)."""
