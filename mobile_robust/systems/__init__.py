"""A recipe's PyTorch side: a method's module in its place on a backbone, in training form and in deploy form.

Three places: between two layers (``features.py``), before the network (``images.py``), and inside some layers
(``filters.py``); a backbone can also stand by itself (``alone.py``). To add a method, write its file in ``modules/``
and name it in :data:`METHODS`.
"""

from mobile_robust.systems.place import Normalize, Pipeline
from mobile_robust.systems.system import METHODS, System, build_system, load_built, rebuild

__all__ = ["METHODS", "Normalize", "Pipeline", "System", "build_system", "load_built", "rebuild"]
