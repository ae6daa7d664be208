"""``python -m vat_bayes`` is the program ``vat-bayes``."""

from __future__ import annotations

import sys

from vat_bayes.cli import main

if __name__ == "__main__":
    sys.exit(main())
