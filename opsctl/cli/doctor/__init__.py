"""`opsctl doctor`: looks at everything that opsctl stands on, changes nothing, and says the cure for what is wrong.

`probes` says what there is to look at, `examination` looks at all of it at once and never waits longer than a deadline.
"""

from opsctl.cli.doctor.examination import examine
from opsctl.cli.doctor.model import NAMES, Check, Diagnosis, Surroundings

__all__ = ["NAMES", "Check", "Diagnosis", "Surroundings", "examine"]
