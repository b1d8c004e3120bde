"""Makes the starter model from nothing: scenes, autoencoder, denoiser, export, measurement."""
