"""`python -m meter` runs the command `meter`, which is on a higher floor than this package."""

import runpy

if __name__ == "__main__":
    runpy.run_module("meter.cli", run_name="__main__")
