"""The run: its configuration, its stages, and the frame around every job."""
