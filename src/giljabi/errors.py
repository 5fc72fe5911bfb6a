"""The one exception class meant for people; everything else is a bug and shows a traceback."""


class GiljabiError(Exception):
    """Bad input or a missing part: one sentence saying what, where, and what to do.

    The command line prints it and exits with code 2; the server answers with a 4xx.
    """
