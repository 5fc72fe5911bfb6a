"""Training data: built from a venue, worded by a teacher, audited; documents prepared."""
