"""The economy of Gomes and Schmid (2021): firms invest, borrow, refinance and default.

See docs/model-gs21.md for the equations and the functions that implement them.
"""
