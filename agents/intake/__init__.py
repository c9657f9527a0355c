"""The intake: reads the input topics, checks every record and writes the journal. Keeps no state."""
