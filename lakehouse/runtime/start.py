"""Begins a Python task of a job: start.py FAILURE LIBRARY FILE [ARGUMENT ...]

FILE runs as the main program. An error of it is printed, and kept in FAILURE as JSON, as a
workspace shows it: the error, and where it was raised. LIBRARY stands in for what a runtime has
installed; it is searched last, so that what is installed here comes first.
"""

import json
import os
import runpy
import sys
import traceback

failure, library, file = sys.argv[1:4]
sys.argv = [file, *sys.argv[4:]]
sys.path[0] = os.path.dirname(file)
sys.path.append(library)
try:
    runpy.run_path(file, run_name="__main__")
except SystemExit:
    raise
except BaseException as error:
    trace = traceback.format_exc()
    print(trace, file=sys.stderr, end="", flush=True)
    with open(failure, "w", encoding="utf-8") as out:
        json.dump({"error": f"{type(error).__name__}: {error}", "trace": trace}, out)
    sys.exit(1)
