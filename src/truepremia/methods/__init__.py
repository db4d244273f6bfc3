"""Factor methods: each turns one cross-section into the stock weights of its factors."""
