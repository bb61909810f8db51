"""The stand: onsaled and the real servers it talks to, started and stopped together in one data folder.

`Stand` is what `./dev` and the tests use; see app/stand/README.md. Standard library only.
"""

from app.stand.errors import StandError
from app.stand.stand import Stand

__all__ = ["Stand", "StandError"]
