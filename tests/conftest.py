"""Hypothesis judges what the code does, never how long a busy machine takes for it: properties write to disks too."""

from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
