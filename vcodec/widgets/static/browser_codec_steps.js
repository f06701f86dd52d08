/* Quantisation steps, for the page and its workers. */

/* The table for a quality of 1 to 100 by libjpeg's rule (jcparam.c), integers from 1 to 255. */
function scaledTable(base, quality) {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return base.map((step) => Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100))));
}

const geometricMean = (steps) => Math.exp(steps.reduce((sum, step) => sum + Math.log(step), 0) / steps.length);
