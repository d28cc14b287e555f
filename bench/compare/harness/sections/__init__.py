"""The sections of the comparison, in the order in which they run."""

from . import warm

ALL = {"warm": warm.run}
