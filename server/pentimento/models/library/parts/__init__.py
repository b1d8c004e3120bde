"""What completes a model: ControlNets, LoRAs, VAEs, IP-Adapters, embeddings, annotators."""
