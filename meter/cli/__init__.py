"""The `meter` command: one module for each command, found by itself (see `meter.cli.app`)."""
