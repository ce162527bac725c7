"""The surveys that galkeras knows, one a file; `galkeras.surveys.facts.SURVEYS` finds them."""
