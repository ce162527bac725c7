"""Cutouts and published files from servers, every row accounted for; `galkeras download`."""
