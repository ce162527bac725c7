"""What forests are made with, for those who only tell of it: nothing here loads scikit-learn."""

__all__ = ["FOREST"]

from typing import Any

FOREST: dict[str, Any] = {
    "n_estimators": 300,
    "min_samples_leaf": 5,
    "max_features": "sqrt",
    "class_weight": "balanced_subsample",
}
"""What every forest is made with.

Table 2's classes differ a hundredfold in size: class weights with leaves of 5 find more of a rare class (0.54 against
0.51 balanced accuracy at 8 %, on principal components of real pictures) at the same score on balanced classes, and
keep the forest of 55,000 galaxies below 100 MB.
"""
