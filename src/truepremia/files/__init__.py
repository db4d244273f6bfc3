"""Files between stages: written whole, checked when they are read."""
