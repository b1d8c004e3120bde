"""What is known of architectures, few-step models and control types, as data."""
