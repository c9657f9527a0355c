"""Pure rules: the standard library and `schemas` only, no clock, no environment, no I/O."""
