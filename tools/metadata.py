"""What the package says of itself beside pyproject.toml: its addresses, and the README with links that hold anywhere.

Run by hatchling whenever the package is built. The project's address stands in _config.yml and nowhere else; while it
is empty there are no addresses, and the README's links stay as they are."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


def repository(config: str) -> tuple[str, str]:
    """Address, "" while there is none, and branch of the repository, from the text of _config.yml. Without a YAML
    reader: none is there when a package is built."""
    found = re.search(r'^repository:\n  url: "([^"]*)"\n  branch: (\S+)$', config, re.MULTILINE)
    if not found:
        raise ValueError("_config.yml names no repository: url and branch are expected right below `repository:`")
    return found[1].rstrip("/"), found[2]


def urls(address: str, branch: str) -> dict[str, str]:
    """The links that a package index shows."""
    if not address:
        return {}
    return {"Source": address, "Issues": f"{address}/issues", "Book": f"{address}/tree/{branch}/book"}


def absolute(readme: str, address: str, branch: str) -> str:
    """The README with every link to a file of the project leading to the repository; pictures to the file itself."""
    if not address:
        return readme
    readme = re.sub(r"(!\[[^\]]*\]\()(?!https?:|#)", rf"\1{address}/raw/{branch}/", readme)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!https?:|#)", rf"\1{address}/blob/{branch}/", readme)


class ProjectMetadata(MetadataHookInterface):
    def update(self, metadata: dict) -> None:
        root = Path(self.root)
        where = repository((root / "_config.yml").read_text(encoding="utf-8"))
        metadata["urls"] = urls(*where)
        readme = absolute((root / "README.md").read_text(encoding="utf-8"), *where)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
