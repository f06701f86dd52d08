"""Repairs to the pages that Jupyter Book 1 writes.

- It always loads sphinx-thebe, which names another host on every page and defines its constants twice
  (a console error). The book's figures need no kernel, so Thebe's scripts go.
- Its index.html, which leads on to the first page, has no icon, so that browsers ask for a missing one.
- Its launch buttons would lead to Jupyter Book's own repository while ours has no address: then there are none.
- The theme draws its icons twice, by fonts and by 1.5 MB of scripts that replace what the fonts drew: the fonts stay.
- What a screen reader cannot read: unnamed switches beside chapters with sections, a bibliography that is a list
  without items, and long signatures, which Sphinx writes as definitions that define nothing.
- Of an interactive figure it keeps the live one only: the still picture beside it in the notebook is for readers
  without scripts, and for paper.
- A picture that several figures of a page show stands in it as often; here once.
- Every picture gets its width and height, so that the text below it does not move when it arrives; plots are marked,
  for dark mode.
- What is folded is called content or source: here solution (a cell with its output) or code (of a figure).
- What a cell prints is never wrapped, so that tables keep their columns; sentences are marked here, and may be.
"""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from tools.plots import is_plot

FRONT_DOOR = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="_static/{icon}">
<meta http-equiv="refresh" content="0; url={first}.html">
<p><a href="{first}.html">{title}</a></p>
"""
ICON_SCRIPT = re.compile(r'\s*<script src="[^"]*/fontawesome/[^"]*"></script>')
ICON_PRELOADS = re.compile(
    r'\s*<link rel="preload"[^>]*/fa-(?:brands|regular)-[^>]*>'
)  # fetched when an icon needs them
SECTION_SWITCH = '<summary><span class="toctree-toggle"'
LONG_SIGNATURE = re.compile(r"<dl>\s*((?:<dd>(?:(?!<d[lt]\b).)*?</dd>\s*)+)</dl>", re.DOTALL)
PRINTED = re.compile(r'<div class="output stream (?=[^>]*><div class="highlight"><pre>(.*?)</pre>)', re.DOTALL)
FOLDED = re.compile(r'(?<=admonition-title">)(Show|Hide) the (content|source)(?=</p>)')
NAMES = {"content": "solution", "source": "code"}
ALIGNED = re.compile(r"\S {2,}\S")
STATE = "application/vnd.jupyter.widget-state+json"
STATE_SCRIPT = re.compile(rf'(?<=<script type="{re.escape(STATE)}">).*?(?=</script>)', re.DOTALL)
VIEW = "application/vnd.jupyter.widget-view+json"
VIEW_SCRIPT = re.compile(rf'<script type="{re.escape(VIEW)}">(.*?)</script>', re.DOTALL)
PICTURE = re.compile(r'<img (?![^>]*\bheight=)(?=[^>]*\bsrc="([^":]+\.png)")')
STILL = """<figure class="still-of-a-figure">
<img src="{source}" alt="{alt}" width="{width}" height="{height}">
<figcaption>A still of a figure that moves where scripts run. {caption}</figcaption>
</figure>
"""


def follow_the_address(app, config) -> None:
    """Links and buttons for readers who want the code: all of them from repository.url of _config.yml, or none."""
    options = config.html_theme_options
    address = options.get("repository_url", "")
    options["use_repository_button"] = options["use_issues_button"] = bool(address)
    if not address:
        options["launch_buttons"] = {}
    elif "github.com/" not in address:
        options["launch_buttons"] = options["launch_buttons"] | {"colab_url": ""}  # Colab opens GitHub's alone


def is_thebe(asset) -> bool:
    """True for the script file, the style sheet and the inline constants that sphinx-thebe adds."""
    inline = (getattr(asset, "attributes", None) or {}).get("body") or ""
    return "sphinx-thebe" in str(getattr(asset, "filename", asset)) or "THEBE_JS_URL" in inline


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    for kind in ("script_files", "css_files"):
        context[kind][:] = [asset for asset in context[kind] if not is_thebe(asset)]


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header of a PNG file (RFC 2083, section 4.1.1)."""
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def stills(notebook: dict) -> dict[str, tuple[bytes, str, str]]:
    """Of every widget that a notebook shows with a picture: model id -> (PNG file, what it shows, its numbers)."""
    found = {}
    for cell in notebook["cells"]:
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            if VIEW in data and "image/png" in data:
                text = "".join(data.get("text/plain", ""))
                picture = base64.b64decode("".join(data["image/png"]))
                found[data[VIEW]["model_id"]] = picture, alt or text, text
    return found


def show_stills(app, pagename, templatename, context, doctree) -> None:
    """Put the still picture of each interactive figure before it; anywidget-host.js hides it once the figure lives."""
    source = Path(app.env.doc2path(pagename))
    if doctree is None or source.suffix != ".ipynb":
        return
    found = stills(json.loads(source.read_text(encoding="utf-8")))

    def with_still(script: re.Match) -> str:
        model_id = json.loads(html.unescape(script[1]))["model_id"]
        if model_id not in found:
            return script[0]
        picture, alt, text = found[model_id]
        name = f"_images/{hashlib.sha256(picture).hexdigest()}.png"
        Path(app.outdir, name).parent.mkdir(exist_ok=True)
        Path(app.outdir, name).write_bytes(picture)
        width, height = png_size(picture)
        words = {"alt": html.escape(alt), "caption": html.escape(text)}
        return STILL.format(source=context["pathto"](name, 1), width=width, height=height, **words) + script[0]

    context["body"] = VIEW_SCRIPT.sub(with_still, context["body"])


def write_front_door(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        icon = Path(app.config.html_favicon).name
        page = FRONT_DOOR.format(title=app.config.html_title, icon=icon, first=app.config.root_doc)
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")


def share_buffers(script: re.Match) -> str:
    """The state of a page's figures, where a buffer that came before is {"path": ..., "same": its number}."""
    page, numbers = json.loads(script[0]), {}
    for buffer in (buffer for model in page["state"].values() for buffer in model.get("buffers", [])):
        if buffer["data"] in numbers:
            buffer["same"] = numbers[buffer.pop("data")]
        else:
            numbers[buffer["data"]] = len(numbers)
    return json.dumps(page).replace("</", "<\\/")  # no string may end the script


def mend(text: str) -> str:
    """A whole page of HTML without doubled icons and buffers, with named switches, readable signatures, named
    folds and marked sentences."""
    text = STATE_SCRIPT.sub(share_buffers, text)
    text = ICON_PRELOADS.sub("", ICON_SCRIPT.sub("", text))
    text = text.replace(SECTION_SWITCH, SECTION_SWITCH.replace("<summary", '<summary aria-label="Sections"'))
    text = PRINTED.sub(lambda match: match[0] + ("" if ALIGNED.search(match[1]) else "sentences "), text)
    text = FOLDED.sub(lambda match: f"{match[1]} the {NAMES[match[2]]}", text)
    text = text.replace('<div role="list" class="citation-list">', '<div class="citation-list">')

    def as_lines(signature: re.Match) -> str:
        lines = signature[1].replace("<dd>", '<div class="sig-line">').replace("</dd>", "</div>")
        return f'<div class="sig-lines">{lines}</div>'

    return LONG_SIGNATURE.sub(as_lines, text)


def sized(text: str, folder: Path) -> str:
    """The page with the width and height of each PNG file in its <img>, and data-plot where it is a plot.

    folder: where the page lies."""

    def with_size(picture: re.Match) -> str:
        path = folder / picture[1]
        with path.open("rb") as file:
            width, height = png_size(file.read(24))
        return f'<img {"data-plot " if is_plot(path) else ""}width="{width}" height="{height}" '

    return PICTURE.sub(with_size, text)


def mend_pages(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            page.write_text(sized(mend(page.read_text(encoding="utf-8")), page.parent), encoding="utf-8")
        for script in Path(app.outdir).glob("_static/vendor/fontawesome/*/js/*"):
            script.unlink()


def setup(app) -> dict[str, bool]:
    app.connect("config-inited", follow_the_address)
    app.connect("html-page-context", show_stills)
    app.connect("html-page-context", drop_thebe, priority=900)  # after the themes have added theirs
    app.connect("build-finished", mend_pages)
    app.connect("build-finished", write_front_door, priority=100)  # Jupyter Book then leaves it alone
    return {"parallel_read_safe": True, "parallel_write_safe": True}
