"""Galaxy Zoo: decision trees as data, and labels by threshold."""
