"""Hypothesis without its clock: what a loaded machine makes slow is not wrong."""

from hypothesis import HealthCheck, settings

settings.register_profile("lkbuild", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lkbuild")
