"""Model files: trimmed, merged, converted, quantised, adapted; each step checked against its source."""
