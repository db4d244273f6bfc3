"""The report: tables, figures and one page from finished panels and the empirical track.

A panel is reduced to its numbers once (``summary``); panels of one configuration are gathered
(``gather``) into tables and figures, which the page shows.
"""
