"""What a run of a tissue records: `tissue.run(..., observe=[observe.Population(), observe.Fields()])`."""

from biomulti.coupled.moment import Moment
from biomulti.coupled.observers import Cells, Fields, Function, Observer, Population

__all__ = ["Cells", "Fields", "Function", "Moment", "Observer", "Population"]
