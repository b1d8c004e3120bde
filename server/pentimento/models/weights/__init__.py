"""What is in weight files, read from their headers without loading them."""
