"""Everything known of a model on one page."""
