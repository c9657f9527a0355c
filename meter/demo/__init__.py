"""The demo's day: who uses what and when (pure), what must come of it, and the stage it is played on."""
