"""One folder a paper: network (training and deploy form), training, and the declaration in ``method.py``.

Folders of further methods can lie elsewhere: the environment variable ``MOBILE_ROBUST_METHODS`` names the folders that
hold them, separated as in ``PATH``.
"""

import os

__path__ = [*__path__, *filter(None, os.environ.get("MOBILE_ROBUST_METHODS", "").split(os.pathsep))]
