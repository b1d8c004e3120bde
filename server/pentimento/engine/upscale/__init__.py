"""Learned upscalers: networks that make a picture 2 to 8 times as large, tile by tile."""
