"""Galaxy Zoo DESI: the questions of GZD-5, of galaxies that no paper's Tables 2 to 4 count."""

__all__ = ["GZ_DESI"]

from dataclasses import replace

from galkeras.galaxyzoo.trees import TREES
from galkeras.galaxyzoo.trees.gzd5 import GZD5

# Walmsley et al. 2023: predicted fractions for the galaxies of the DESI Legacy Surveys, under the questions and answers
# of GZD-5. The catalog names galaxies by `dr8_id` and has no votes, only fractions. The thresholds are those of GZD-5.
GZ_DESI = replace(
    GZD5,
    name="gz-desi",
    title="Galaxy Zoo DESI",
    classes=tuple(question.without_paper() for question in GZD5.classes),
    recognizes=lambda columns: "dr8_id" in columns and GZD5.recognizes(columns),
)
TREES.add(GZ_DESI.name, GZ_DESI)
