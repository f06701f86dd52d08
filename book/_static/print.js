/* Paper is white: print the light colours, whatever the screen shows. */
(() => {
  const page = document.documentElement;
  let shown;
  addEventListener("beforeprint", () => {
    shown = page.dataset.theme;
    page.dataset.theme = "light";
  });
  addEventListener("afterprint", () => (page.dataset.theme = shown));
})();
