"""From files to modules of torch."""
