"""The economy of Lettau and Wachter (2007): the value premium is a premium for short duration.

See docs/model-lw07.md for the equations and the functions that implement them.
"""
