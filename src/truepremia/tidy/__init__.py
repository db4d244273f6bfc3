"""Replication of the Fama-French factors from a Tidy-Finance store."""
