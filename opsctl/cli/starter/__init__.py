"""`opsctl init`: the first files of a project, made from what is found in its directory.

`survey` and `tests` look, `files` writes texts (pure), `planting` puts them on the disk and never over anything.
"""

from opsctl.cli.starter.files import HOW_TO_INSTALL, make_files
from opsctl.cli.starter.planting import Planted, plant
from opsctl.cli.starter.survey import Findings, survey

__all__ = ["HOW_TO_INSTALL", "Findings", "Planted", "make_files", "plant", "survey"]
