"""The empirical track: Fama-French factors from a Tidy-Finance store."""
