"""The economies that can be simulated, and the mathematics they share."""
