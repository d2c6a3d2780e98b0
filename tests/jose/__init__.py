"""The gate and the claims, and what is done to them."""
