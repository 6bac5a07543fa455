import logging
import sys

from dissect.target import Target

logging.disable(logging.CRITICAL)
for path in sys.argv[1:]:
    try:
        target = Target.open(path)
        print(target.os, target.version, target.architecture, sep="\t")
    except Exception as error:
        said = str(error).replace("\t", " ").replace("\n", " ")
        print(f"{type(error).__name__}: {said[:120]}", "-", "-", sep="\t")
