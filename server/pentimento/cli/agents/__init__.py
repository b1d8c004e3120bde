"""Pentimento for agents: what `pentimento mcp` offers to them, over the server's own HTTP API."""
