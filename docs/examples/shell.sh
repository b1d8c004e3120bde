#!/bin/sh
# The same from the shell, without GIMP. In the repository:
#   docs/examples/shell.sh examples/photo.jpg painted
set -eu
photo=$1 out=$2
mkdir -p "$out"

# Image to image. Starts the server if none runs; --local would compute without one.
pentimento run --input "$photo" --prompt "a red house on a green meadow, oil painting" \
  --strength 0.6 --steps 8 --seed 7 --output "$out/img2img.png" --record "$out/job.json"

# Regenerate a part: white in the mask is made anew, black is kept bit for bit, gray is in between.
pentimento run --input "$photo" --mask "$(dirname "$0")/mask.png" \
  --prompt "a yellow moon, night" --steps 8 --output "$out/fill.png"

# Text to image.
pentimento run --prompt "a blue mountain" --width 128 --height 128 --steps 8 \
  --output "$out/text.png"

# Generate again: the recorded job with another seed. Without --seed it gives the same bytes again.
pentimento run --from-record "$out/job.json" --seed 8 --output "$out/again.png"

pentimento status
