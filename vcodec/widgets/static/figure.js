/* What all figures share. Python puts this file in front of each figure's own, because a figure's JavaScript has no
   address from which it could import (vcodec/widgets/figure.py). */

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const smallest = (list, cost) => list.reduce((best, next) => (cost(next) < cost(best) ? next : best));
const grouped = (integer) => integer.toLocaleString("en-US"); // 12,345 as Python's {:,}
let views = 0; // numbers the views, because the radio buttons of each need a name of their own

/* An SVG element. */
function shape(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/* A row of a table: texts, and the tag of each cell. */
function tableRow(texts, tags) {
  const line = document.createElement("tr");
  line.append(...texts.map((text, i) => Object.assign(document.createElement(tags[i]), { textContent: text })));
  return line;
}

/* Keys without Ctrl, Alt or Meta; what they do on the page otherwise is left out. */
function onKeys(element, actions) {
  element.addEventListener("keydown", (event) => {
    if (!(event.key in actions) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    actions[event.key]();
  });
}

/* Blob addresses of JPEG or WebP files; a JPEG file starts with FF D8. */
function pictureUrls(files) {
  return files.map((bytes) => {
    const type = bytes.getUint8(0) === 0xff ? "image/jpeg" : "image/webp";
    return URL.createObjectURL(new Blob([bytes], { type }));
  });
}

/* A view of a figure: its root, short ways to its parts and to its model's state, and what to undo when it goes. */
function openView({ model, el }, template) {
  const root = document.createElement("div");
  root.className = "vcx";
  root.innerHTML = template;
  const number = ++views;
  const undo = [];
  const one = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const get = (name) => model.get(name);
  const set = (name, value) => (model.set(name, value), model.save_changes());

  /* A choice among several, as a pill; the field is the element that names its trait. */
  function addRadio(trait, value, text, colour) {
    const label = document.createElement("label");
    label.innerHTML = '<input class="vcx-hidden" type="radio"><span class="vcx-pill"></span>';
    const [radio, pill] = label.children;
    Object.assign(radio, { value, name: `vcx-${trait}-${number}`, onchange: () => set(trait, value) });
    radio.dataset.trait = trait;
    pill.textContent = text;
    if (colour) pill.style.setProperty("--vcx-swatch", colour);
    one(`.vcx-field[data-trait=${trait}]`).append(label);
  }

  const showRadios = () => {
    for (const radio of all("[type=radio]")) radio.checked = get(radio.dataset.trait) === radio.value;
  };

  /* Calls draw now, and whenever one of the traits changes. */
  function watch(names, draw) {
    const events = names.split(" ").map((name) => `change:${name}`).join(" ");
    model.on(events, draw);
    undo.push(() => model.off(events, draw));
    draw();
  }

  /* The last step of a render: on the page, with the arrow keys for itself in JupyterLab. */
  function open() {
    for (const control of all("input, select, button, [tabindex]")) control.dataset.lmSuppressShortcuts = "true";
    el.append(root);
    return () => undo.forEach((step) => step());
  }
  return { root, one, all, get, set, addRadio, showRadios, watch, undo, open };
}
