"""How a model is made: data, adapters, model files. Heavy libraries are imported where used."""
