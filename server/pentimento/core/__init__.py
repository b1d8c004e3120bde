"""What everything may use: errors, files, geometry, addresses, settings. Imports no other room."""
