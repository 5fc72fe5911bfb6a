"""Tuning: text models and speech recognition, each from a recipe file to weights that serve."""
