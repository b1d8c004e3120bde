"""One job in the engine: from the record to its pictures."""
