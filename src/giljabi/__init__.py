"""A Korean place guide: the model writes, the venue's facts decide."""

__version__ = "0.1.0"
