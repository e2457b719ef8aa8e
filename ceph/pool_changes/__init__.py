"""Changes of pools: what they would mean, how far they have come, and who began them."""
