"""From factors to portfolios, and from portfolios to exact statistics."""
