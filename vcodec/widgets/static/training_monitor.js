/* The training monitor, all of which training_charts.js draws. */

export default { render: renderCharts };
