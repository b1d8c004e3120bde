"""What steers the denoiser beside the prompt, and the prompt itself."""
