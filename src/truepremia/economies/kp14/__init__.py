"""The economy of Kogan and Papanikolaou (2014): growth options and investment technology.

See docs/model-kp14.md for the equations and the functions that implement them.
"""
