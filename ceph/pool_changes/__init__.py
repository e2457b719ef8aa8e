"""Changes of pools: what they would mean, how far they are, and who began them."""
