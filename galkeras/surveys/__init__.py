"""The sky: survey facts, catalogs, cutouts, and how pixels are shown."""
