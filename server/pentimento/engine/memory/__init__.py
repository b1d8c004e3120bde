"""Which device, what stays loaded, and what to do when memory is short."""
