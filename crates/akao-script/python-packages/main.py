"""Puts the packages of an environment together, as one call of a node.

Wheels only: nothing of a package is run to install it, and nothing of it can be run here. Whether it can be loaded is found
out by the interpreter that will.
"""

import compileall
import contextlib
import io
import itertools
import json
import os
import py_compile
import re
import socket
import sys

ID = "dev.akao.python-packages"
VERSION = "1.0.0"
FOLDER = "/volumes/environment"
SITE = f"{FOLDER}/site"
# Where scripts will find it.
SEEN_AS = "/environment/site"
# What is told of a failure.
CHARACTERS_MAX = 1_500
CANNOT_BE_FOUND = re.compile(r"No matching distribution found for (\S+)")


class Refused(Exception):
    def __init__(self, kind, message, reason, **detail):
        super().__init__(message)
        self.kind, self.detail = kind, {"reason": reason, **detail}


def main():
    connection = socket.socket(fileno=3)
    lines = connection.makefile("rwb", buffering=0)

    def send(document):
        lines.write(json.dumps({"jsonrpc": "2.0", **document}).encode() + b"\n")

    for line in lines:
        message = json.loads(line)
        method, call = message.get("method"), message.get("id")
        if method == "node.info":
            send({"id": call, "result": {"protocol": 1, "id": ID, "version": VERSION, "sdk": f"script/{VERSION}", "nodes": [ID]}})
        elif method == "node.execute":
            def tell(text):
                send({"method": "$/progress", "params": {"id": call, "message": text}})

            try:
                result = {"success": True, "outputs": {"environment": build(message["params"]["parameters"], tell)}}
            except Refused as refused:
                error = {"kind": refused.kind, "message": str(refused), "retryable": False, "detail": refused.detail}
                result = {"success": False, "error": error}
            send({"id": call, "result": result})
        elif method == "node.health":
            send({"id": call, "result": {"status": "healthy", "detail": ""}})
        elif call is not None:
            send({"id": call, "result": {}})
            if method == "node.shutdown":
                return


def build(parameters, tell):
    os.environ["TMPDIR"] = f"{FOLDER}/making"
    os.makedirs(os.environ["TMPDIR"], exist_ok=True)
    tell("fetching and unpacking wheels")
    lock = install(parameters["packages"], parameters["options"])
    tell("compiling")
    compile_all()
    wanted = {canonical(re.split(r"[^A-Za-z0-9._-]", name, maxsplit=1)[0]) for name in parameters["packages"]}
    modules, own = modules_of(wanted)
    environment = {
        "environment": 1,
        "language": "python",
        "version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "packages": lock,
        "modules": modules,
        "preload": own,
    }
    with open(f"{FOLDER}/environment.json", "w", encoding="utf-8") as file:
        json.dump(environment, file, indent=1, sort_keys=True)
    remove(os.environ["TMPDIR"])
    return environment


def install(packages, options):
    """Unpacks wheels; what was taken, with its digests."""
    try:
        from pip._internal.cli.main import main as pip
    except ImportError:
        raise Refused("not_found", "this machine's python3 has no pip", "no_pip") from None
    report = f"{FOLDER}/making/report.json"
    fixed = ["install", "--target", SITE, "--only-binary", ":all:", "--no-compile", "--no-input", "--no-cache-dir"]
    fixed += ["--disable-pip-version-check", "--progress-bar", "off", "--isolated", "--ignore-installed", "--report", report]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pip([*fixed, *options, "--", *packages])
    if code != 0:
        found = CANNOT_BE_FOUND.search(said.getvalue())
        if found:
            what = f"there is no wheel of {found.group(1)} for this machine's Python {sys.version_info.major}.{sys.version_info.minor}"
            raise Refused("not_found", what, "no_wheel", package=found.group(1), pip=said.getvalue()[-4000:])
        raise Refused(*why(said.getvalue()), pip=said.getvalue()[-4000:])
    with open(report, encoding="utf-8") as file:
        items = json.load(file)["install"]
    lock = []
    for item in items:
        archive = item["download_info"].get("archive_info", {})
        digest = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        lock.append({"name": name, "version": version, "sha256": digest, "file": os.path.basename(item["download_info"]["url"])})
    return sorted(lock, key=lambda entry: entry["name"].lower())


def why(said):
    """Of what pip said, what matters: the kind of the failure, its words, and its reason."""
    lines = said.splitlines()
    conflict = below(lines, "The conflict is caused by:")
    if conflict:
        return "input", clipped(f"the packages do not go together: {'; '.join(conflict)}"), "pip_conflict"
    digests = below(lines, "DO NOT MATCH THE HASHES")
    if digests:
        return "connection", clipped(f"what was fetched is not what its digest says: {' '.join(digests)}"), "pip_digest"
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR")]
    # The last line most often says where to read on.
    told = [line for line in errors if "for help visit" not in line] or ["pip failed"]
    return "connection", clipped(f"pip could not install the packages: {'; '.join(told)}"), "pip"


def below(lines, heading):
    """The indented lines below the last one that has the heading."""
    starts = [at for at, line in enumerate(lines) if heading in line]
    if not starts:
        return []
    found = itertools.takewhile(lambda line: line.startswith(" "), lines[starts[-1] + 1 :])
    return [" ".join(line.split()) for line in found]


def clipped(text):
    return text if len(text) <= CHARACTERS_MAX else text[:CHARACTERS_MAX] + "…"


def compile_all():
    """Compiled modules that are taken as they are: nothing here changes any more."""
    compileall.compile_dir(
        SITE, quiet=2, stripdir=SITE, prependdir=SEEN_AS, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def modules_of(wanted):
    """The names that can be imported, and those of them that belong to the packages that were asked for."""
    from importlib.metadata import distributions

    every, own = set(), set()
    for found in distributions(path=[SITE]):
        names = set()
        for file in found.files or ():
            first = file.parts[0]
            if len(file.parts) > 1 and first.isidentifier() and file.suffix in (".py", ".so"):
                names.add(first)
            elif len(file.parts) == 1 and file.suffix in (".py", ".so"):
                names.add(first.split(".")[0])
        names = {name for name in names if name.isidentifier()}
        every |= names
        if canonical(found.metadata["Name"]) in wanted:
            own |= {name for name in names if not name.startswith("_")}
    return sorted(every), sorted(own)


def remove(folder):
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(place, name))
        for name in folders:
            os.rmdir(os.path.join(place, name))
    os.rmdir(folder)


if __name__ == "__main__":
    main()
