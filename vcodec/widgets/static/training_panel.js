/* The training panel: choices and buttons above the charts of training_charts.js. With a kernel the buttons train;
   without one they play the recorded run of the chosen combination. See training_panel.py for the state. */

const CONTROLS = `<div class="vcx-choices">
  <label>Resolution <select data-trait="resolution"></select></label>
  <label>Target rate <select data-trait="target_bpp"></select></label>
  <label>Network <select data-trait="network"></select></label>
  <label>Minutes <select data-trait="minutes"></select></label>
</div>
<div class="vcx-buttons">
  <button data-wish="start">Start</button>
  <button data-wish="stop">Stop</button>
  <button data-wish="go on">Go on</button>
</div>
<p class="vcx-message" role="status"></p>`;
const PLAYED = { ticks: 60, pause: 150 }; // a recorded run is played within ten seconds; milliseconds

function render({ model, el }) {
  const view = openView({ model, el }, CONTROLS);
  const { all, one, get, set } = view;
  const offered = {
    resolution: [["half", "half"], ["full", "full"]],
    target_bpp: get("rates").map((rate) => [rate, `${rate} bpp`]),
    network: [["tiny", "tiny"], ["default", "default"]],
    minutes: get("choices").map((minutes) => [minutes, String(minutes)]),
  };
  const live = () => get("answered") !== 0 && get("answered") === get("asked");
  const keyOf = (choice) => {
    const [network, resolution, rate] = ["network", "resolution", "target_bpp"].map((name) => choice[name] ?? get(name));
    return `${network}-${resolution}-${rate}`;
  };
  const run = () => get("recorded")[keyOf({})];
  const busy = () => ["training", "stopping"].includes(get("activity"));
  let timer = null;
  let played = 0; // seconds of the recorded run

  for (const select of all("select")) {
    const choices = offered[select.dataset.trait];
    select.append(...choices.map(([value, text]) => new Option(text, value)));
    select.addEventListener("change", () => {
      set(select.dataset.trait, choices[select.selectedIndex][0]);
      if (!live()) showRecorded();
    });
  }
  for (const button of all("button")) button.addEventListener("click", () => (live() ? set("wish", button.dataset.wish) : play(button.dataset.wish)));

  function draw() {
    for (const select of all("select")) {
      const { trait } = select.dataset;
      offered[trait].forEach(([value], i) => {
        select.options[i].disabled = !live() && trait !== "minutes" && !(keyOf({ [trait]: value }) in get("recorded"));
      });
      select.selectedIndex = offered[trait].findIndex(([value]) => value === get(trait));
      select.disabled = busy() || (!live() && trait === "minutes");
    }
    const [start, stop, goOn] = all("button");
    start.disabled = busy() || (!live() && !run());
    stop.disabled = get("activity") !== "training";
    goOn.disabled = !(live() ? ["stopped", "finished"] : ["stopped"]).includes(get("activity"));
    one(".vcx-message").textContent = get("message");
  }

  /* Without a kernel. */

  const lengthOf = (recording) => Math.max(...recording.rows.map(({ seconds }) => seconds));

  function showRecorded() {
    halt();
    if (!run()) return;
    showUntil(Infinity);
    set("message", run().about);
    set("activity", "ready");
  }

  function showUntil(seconds) {
    const upTo = (list) => list.filter((entry) => entry.seconds <= seconds);
    set("pictures", get("recorded_pictures"));
    set("strips", upTo(run().strips));
    set("rows", upTo(run().rows));
  }

  function play(wish) {
    halt();
    if (wish === "stop") return set("activity", "stopped");
    if (wish === "start") played = 0;
    set("at", -1);
    set("activity", "training");
    set("message", `${run().about} Played faster than it was.`);
    timer = setInterval(() => {
      played += lengthOf(run()) / PLAYED.ticks;
      showUntil(played);
      if (played < lengthOf(run())) return;
      halt();
      set("activity", "finished");
    }, PLAYED.pause);
  }

  function halt() {
    clearInterval(timer);
    timer = null;
  }

  view.undo.push(halt);
  view.watch("resolution target_bpp network minutes activity message answered", draw);
  model.on("change:answered", halt);
  view.undo.push(() => model.off("change:answered", halt));
  const closeControls = view.open();
  const closeCharts = renderCharts({ model, el });
  set("asked", 1 + Math.floor(Math.random() * 2 ** 30)); // a kernel answers, a stored page does not
  return () => [closeControls, closeCharts].forEach((close) => close());
}

export default { render };
