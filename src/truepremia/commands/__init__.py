"""What is done with results after a run: ``python -m truepremia COMMAND``."""
