"""`python -m giljabi.cli`, as the installed `giljabi`."""

from giljabi.cli import main

if __name__ == "__main__":
    main()
