"""Makes the plug-in's own modules importable in a file that runs inside GIMP."""

import os
import sys

import batch

sys.path.append(os.path.join(batch.WORK, "config", "plug-ins", "pentimento"))
