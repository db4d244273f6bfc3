"""The statistical economy of Gu, Kelly and Xiu (2020): characteristics are the loadings.

See docs/model-gkx20.md for the equations and the functions that implement them.
"""
