"""The worker: its roles (intake and meter), web port, metrics and watches."""
