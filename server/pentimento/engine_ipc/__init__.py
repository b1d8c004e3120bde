"""The front's side of the engine process, and the messages both sides share. No torch."""
