"""What `pentimento bench` measures, and its table for the developers, which is in English."""
