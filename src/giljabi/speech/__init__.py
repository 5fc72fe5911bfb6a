"""A visitor's voice in and the guide's voice out; everything here needs the extra `voice`."""
