"""The sky: survey facts, catalogues, cutouts, and how pixels are shown."""
