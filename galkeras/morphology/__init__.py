"""The GZD-5 decision tree, labels by vote fraction, random forests."""
