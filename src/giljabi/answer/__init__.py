"""What may be said: a question becomes facts, a draft and a verdict."""
