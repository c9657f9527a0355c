"""`python -m meter` is `meter`: it runs the command, which stands above this package's own floor."""

import runpy

if __name__ == "__main__":
    runpy.run_module("meter.cli", run_name="__main__")
