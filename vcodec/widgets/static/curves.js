/* Rate-distortion curves and their chart: codec explorer, crossover explorer.

   A curve is {method, resolution, entries: [{bpp, psnr}]}; bpp rises along entries. Two rates are as far apart as
   their ratio says, so every rate axis is logarithmic. */

const CHART = { width: 320, height: 202, left: 40, right: 308, top: 10, bottom: 164 }; // the plot inside the drawing

/* A curve's PSNR at any rate, on straight lines between its points; -Infinity beyond its ends. */
function psnrAt({ entries }, bpp) {
  const above = entries.findIndex((entry) => entry.bpp >= bpp);
  const [low, high] = [entries[above - 1], entries[above]];
  if (high?.bpp === bpp) return high.psnr;
  if (!low || !high) return -Infinity;
  return low.psnr + ((high.psnr - low.psnr) * Math.log(bpp / low.bpp)) / Math.log(high.bpp / low.bpp);
}

/* Where rates and PSNRs lie in the drawing, and which of them get a tick. */
function axesOf(entries) {
  const [rates, levels] = ["bpp", "psnr"].map((key) => entries.map((entry) => entry[key]));
  const [minRate, maxRate] = [Math.min(...rates) / 1.05, Math.max(...rates) * 1.05];
  const step = [1, 2, 5, 10].find((size) => Math.max(...levels) - Math.min(...levels) <= 6 * size) ?? 20;
  const low = Math.floor(Math.min(...levels) / step) * step;
  const high = Math.floor(Math.max(...levels) / step + 1) * step;
  const round = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];
  return {
    minRate,
    maxRate,
    x: (bpp) => CHART.left + ((CHART.right - CHART.left) * Math.log(bpp / minRate)) / Math.log(maxRate / minRate),
    y: (psnr) => CHART.bottom - ((CHART.bottom - CHART.top) * (psnr - low)) / (high - low),
    rateTicks: round.filter((bpp) => bpp > minRate && bpp < maxRate),
    psnrTicks: Array.from({ length: (high - low) / step + 1 }, (_, i) => low + i * step),
  };
}

function drawAxes(svg, { x, y, rateTicks, psnrTicks }, note) {
  const [middleX, middleY] = [(CHART.left + CHART.right) / 2, (CHART.top + CHART.bottom) / 2];
  for (const psnr of psnrTicks) {
    svg.append(shape("path", { class: "vcx-line", d: `M${CHART.left} ${y(psnr)}H${CHART.right}` }));
    svg.append(shape("text", { class: "vcx-end", x: CHART.left - 5, y: y(psnr) + 4 }, psnr));
  }
  for (const bpp of rateTicks) {
    svg.append(shape("path", { class: "vcx-axis", d: `M${x(bpp)} ${CHART.bottom}v4` }));
    svg.append(shape("text", { x: x(bpp), y: CHART.bottom + 15 }, bpp));
  }
  svg.append(shape("path", { class: "vcx-axis", d: `M${CHART.left} ${CHART.top}V${CHART.bottom}H${CHART.right}` }));
  svg.append(shape("text", { x: 10, y: middleY, transform: `rotate(-90 10 ${middleY})` }, "PSNR (dB)"));
  svg.append(shape("text", { x: middleX, y: CHART.bottom + 31 }, `rate (bits per pixel)${note}`));
}

function drawCurve(svg, { x, y }, { method, resolution, entries }, colour) {
  const group = shape("g", { class: `vcx-curve vcx-${resolution}`, style: `color: ${colour}`, "data-method": method });
  group.append(shape("title", {}, `${method}, ${resolution} resolution`));
  group.append(shape("polyline", { points: entries.map(({ bpp, psnr }) => `${x(bpp)},${y(psnr)}`).join(" ") }));
  for (const { bpp, psnr } of entries) group.append(shape("circle", { cx: x(bpp), cy: y(psnr), r: 2 }));
  svg.append(group);
}
