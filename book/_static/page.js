/* Three small services on every page. */
(() => {
  /* Paper is white: print the light colours, whatever the screen shows. */
  const page = document.documentElement;
  let shown;
  addEventListener("beforeprint", () => {
    shown = page.dataset.theme;
    page.dataset.theme = "light";
  });
  addEventListener("afterprint", () => (page.dataset.theme = shown));

  /* What scrolls sideways in its own box can be reached by keyboard, so that the arrow keys scroll it. */
  const boxes = ".pst-scrollable-table-container, div.math, mjx-container, .cell_output .text_html";
  const open = () => {
    for (const box of document.querySelectorAll(boxes)) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", open);
  addEventListener("load", async () => {
    open();
    await window.MathJax?.startup?.promise;
    open();
  });

  /* A link into the page lands, even if figures and formulas above it still grow: its target keeps its place until the
     reader scrolls. */
  let keeper;
  const keep = (hash) => {
    keeper?.disconnect();
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target) return;
    let height, top;
    keeper = new ResizeObserver(() => {
      target.scrollIntoView();
      height = page.scrollHeight;
      top = target.getBoundingClientRect().top;
    });
    keeper.observe(document.body);
    keeper.moved = () => page.scrollHeight === height && Math.abs(target.getBoundingClientRect().top - top) > 4;
  };
  addEventListener("scroll", () => keeper?.moved() && keeper.disconnect(), { passive: true });
  for (const act of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    addEventListener(act, () => keeper?.disconnect(), { passive: true });
  }
  addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href*='#']");
    if (link && link.pathname === location.pathname) keep(link.hash);
  });
  const { type } = performance.getEntriesByType("navigation")[0] ?? {};
  if (type === "navigate") addEventListener("load", () => keep(location.hash)); // else the browser knows the place
})();
