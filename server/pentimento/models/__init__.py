"""Which models exist, what they are, and their limits, read without loading them."""
