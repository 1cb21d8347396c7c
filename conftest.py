"""How hypothesis searches, for the tests of every package of the workspace."""

import os

from hypothesis import HealthCheck, settings

# No deadline: two cores that others use too say nothing about how long an example takes.
settings.register_profile(
    "default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci", settings.get_profile("default"), derandomize=True, database=None, print_blob=True
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
