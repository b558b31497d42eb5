"""Says what this Python is, as one line of JSON. Any version can run it."""

import json
import os
import sys

answer = {
    "implementation": getattr(getattr(sys, "implementation", None), "name", "cpython"),
    "version": list(sys.version_info[:2]),
    "program": os.path.realpath(sys.executable),
}
if sys.version_info >= (3, 11):
    import importlib.util
    import site
    import sysconfig

    places = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        places.append(os.path.join(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")))
    # Its package client may stand apart from its library.
    places += [place for place in site.getsitepackages() if not place.startswith(places[0] + os.sep)]
    answer["needs"] = sorted({place for place in places if place and os.path.exists(place)})
    plain = (name for name in sorted(sys.stdlib_module_names) if not name.startswith("_"))
    # Some parts of the library are packages of their own on some systems, and may be absent.
    answer["modules"] = [name for name in plain if importlib.util.find_spec(name) is not None]
print(json.dumps(answer))
