"""Do the imports of the package point down, and nowhere in a circle?"""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "vcodec"

# From the ground up. A wing or module imports from its own floor and from those below it.
FLOORS = [
    {
        "errors",
        "limits",
        "progress",
        "stopping",
        "weights",
        "your_codec",
    },  # your_codec: the reader's own, collected from the chapters: it stands alone
    {"images", "metadata", "eight_bit", "png", "colour", "metrics", "quality", "dct"},
    {"standard", "networks"},
    {"scic", "dnnc"},
    {"frameworks", "streams", "batch"},
    {"vcodec"},  # vcodec/__init__.py: load, Scic, Dnnc, CodecError
    {"training", "evaluation"},
    {"widgets", "course"},
    {"cli"},
    {"__main__"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def name_of(path: Path) -> str:
    """As "vcodec.scic.codec"; a folder's __init__.py has the folder's name."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def wing_of(module: str) -> str:
    """As "scic" for "vcodec.scic.codec"."""
    return module.split(".")[1] if "." in module else module


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


@cache
def imports_of(module: str) -> frozenset[str]:
    """The modules of the package that its file imports, inside functions as well. A name of a folder's __init__.py
    counts as the folder, unless it is a module there."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports are written out in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return frozenset(name for name in found if name in MODULES) - {module}


def test_every_wing_has_a_floor_and_every_floor_is_there():
    assert {wing_of(module) for module in MODULES} == set(FLOOR)


def test_no_import_points_upward():
    upward = [
        f"{module} imports {other}"
        for module in sorted(MODULES)
        for other in sorted(imports_of(module))
        if FLOOR[wing_of(other)] > FLOOR[wing_of(module)]
    ]
    assert upward == []


def test_nothing_is_built_on_the_readers_own_codec():
    assert [module for module in MODULES if "vcodec.your_codec" in imports_of(module)] == []
    assert imports_of("vcodec.your_codec") == frozenset()


def test_modules_import_each_other_in_no_circle():
    TopologicalSorter({module: imports_of(module) for module in MODULES}).prepare()


def test_wings_import_each_other_in_no_circle():
    wings: dict[str, set[str]] = {name: set() for name in FLOOR}
    for module in MODULES:
        wings[wing_of(module)] |= {wing_of(other) for other in imports_of(module)} - {wing_of(module)}
    TopologicalSorter(wings).prepare()


def test_a_folder_names_in_one_line_what_it_is_for():
    for module, path in MODULES.items():
        if path.name == "__init__.py" and module != "vcodec":
            words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert words and "\n" not in words, module
