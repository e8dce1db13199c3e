"""Pictures and movies of runs: `picture` and `movie` of a tissue, `traces` of a network alone."""

from biomulti.view.curves import traces
from biomulti.view.figure import movie, picture
from biomulti.view.voronoi import Outlines, cell_outlines

__all__ = ["Outlines", "cell_outlines", "movie", "picture", "traces"]
