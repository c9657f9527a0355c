"""`python -m meter.cli` is `meter`."""

from meter.cli.app import main

if __name__ == "__main__":
    main()
