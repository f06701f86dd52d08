/* Two small services on every page. */
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
})();
