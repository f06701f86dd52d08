"""Two repairs to the pages that Jupyter Book 1 writes.

- It always loads sphinx-thebe, which names another host on every page and defines its constants twice
  (a console error). The book's figures need no kernel, so Thebe's scripts go.
- Its index.html, which leads on to the first page, has no icon, so that browsers ask for a missing one.
"""

from pathlib import Path

FRONT_DOOR = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="_static/{icon}">
<meta http-equiv="refresh" content="0; url={first}.html">
<p><a href="{first}.html">{title}</a></p>
"""


def is_thebe(asset) -> bool:
    """True for the script file, the style sheet and the inline constants that sphinx-thebe adds."""
    inline = (getattr(asset, "attributes", None) or {}).get("body") or ""
    return "sphinx-thebe" in str(getattr(asset, "filename", asset)) or "THEBE_JS_URL" in inline


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    for kind in ("script_files", "css_files"):
        context[kind][:] = [asset for asset in context[kind] if not is_thebe(asset)]


def write_front_door(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        icon = Path(app.config.html_favicon).name
        page = FRONT_DOOR.format(title=app.config.html_title, icon=icon, first=app.config.root_doc)
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")


def setup(app) -> dict[str, bool]:
    app.connect("html-page-context", drop_thebe, priority=900)  # after the themes have added theirs
    app.connect("build-finished", write_front_door, priority=100)  # Jupyter Book then leaves it alone
    return {"parallel_read_safe": True, "parallel_write_safe": True}
