"""The command line. Knows every layer and is known by none."""

from giljabi.cli.main import main
from giljabi.cli.options import shipped_venue

__all__ = ["main", "shipped_venue"]
