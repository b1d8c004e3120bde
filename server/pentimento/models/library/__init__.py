"""The user's models: where they are, what they are, what goes with them."""
