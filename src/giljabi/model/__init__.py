"""How a sentence is made: weights, prompts and generators."""
