"""One file an action: gather from the image, ask the server, place the result."""
