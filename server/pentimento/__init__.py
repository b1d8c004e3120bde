"""The companion inference server of Pentimento, generative painting for GIMP 3."""

__version__ = "0.1.0"
