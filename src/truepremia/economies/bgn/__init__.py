"""The economy of Berk, Green and Naik (1999): firms collect projects, rates move their values.

See docs/model-bgn.md for the equations and the functions that implement them.
"""
