"""The `meter` command: a module for each command; `meter.cli.app` finds them."""
