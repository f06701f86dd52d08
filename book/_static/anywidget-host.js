/* Brings the book's figures to life on a built page, where no kernel runs.

   A stored notebook carries the state of every anywidget: its traits, its JavaScript (_esm) and its style (_css).
   Jupyter Book writes that state into the page as one JSON script, and a small JSON script where each figure stands.
   This file turns the first into models and the second into figures. It is a classic script that fetches nothing, so
   a page works under any address and straight from the disk. Widgets of other kinds need Python and say so.
   A still picture that stands before a figure (see tools/site_repairs.py) leaves when the figure is there. */

(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  /* What a widget's JavaScript expects of a model: https://anywidget.dev/en/afm/ */
  class Model {
    #traits;
    #listeners = new Map(); // event name -> set of callbacks

    constructor(traits) {
      this.#traits = traits;
    }
    get(name) {
      return this.#traits[name];
    }
    set(name, value) {
      if (Object.is(this.#traits[name], value)) return;
      this.#traits[name] = value;
      this.#emit(`change:${name}`, value);
      this.#emit("change");
    }
    on(names, callback) {
      for (const name of names.split(" ")) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
        this.#listeners.get(name).add(callback);
      }
    }
    off(names, callback) {
      if (!names) return this.#listeners.clear();
      for (const name of names.split(" ")) {
        if (callback) this.#listeners.get(name)?.delete(callback);
        else this.#listeners.delete(name);
      }
    }
    #emit(name, value) {
      for (const callback of [...(this.#listeners.get(name) ?? [])]) callback(this, value);
    }
    save_changes() {} // there is no kernel to tell
    send() {}
  }

  /* Bytes travel as base64 beside the traits; put each back where its path says, as a DataView.
     A buffer that came before has its number instead (see tools/site_repairs.py). */
  const known = [];
  function restoreBuffers(traits, buffers = []) {
    for (const { path, data, same } of buffers) {
      const holder = path.slice(0, -1).reduce((value, key) => value[key], traits);
      if (same === undefined) known.push(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
      holder[path.at(-1)] = new DataView(known.at(same ?? -1).buffer);
    }
    return traits;
  }

  /* Each distinct _esm is imported once. A Blob address works on file:// too. */
  const modules = new Map(); // source -> promise of the widget's { initialize, render }
  function importWidget(source) {
    if (!modules.has(source)) {
      const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const loaded = import(address).then(({ default: widget }) => (typeof widget === "function" ? widget() : widget));
      modules.set(source, loaded.finally(() => URL.revokeObjectURL(address)));
    }
    return modules.get(source);
  }

  const styles = new Set();
  function addStyle(css) {
    if (!css || styles.has(css)) return;
    styles.add(css);
    const style = document.createElement("style");
    style.textContent = css;
    document.head.append(style);
  }

  async function mount(entry, place) {
    addStyle(entry.traits._css);
    const widget = await importWidget(entry.traits._esm);
    const context = { model: entry.model, signal: new AbortController().signal };
    entry.ready ??= Promise.resolve(widget.initialize?.(context)); // once per model, render once per place
    await entry.ready;
    await widget.render?.({ ...context, el: place });
  }

  const entries = new Map(); // model id -> { traits, model }, anywidgets only
  for (const script of document.querySelectorAll(STATE)) {
    for (const [id, { model_name, state, buffers }] of Object.entries(JSON.parse(script.textContent).state)) {
      if (model_name !== "AnyModel") continue;
      const traits = restoreBuffers(state, buffers);
      entries.set(id, { traits, model: new Model(traits) });
    }
  }

  /* A figure is built when it comes near the window, so that a long page opens at once. */
  const waiting = new Map(); // place -> { entry, still picture or null }
  const observer = new IntersectionObserver(
    (sightings) => {
      for (const { isIntersecting, target } of sightings) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        mount(waiting.get(target).entry, target)
          .then(() => {
            target.dataset.figure = "ready";
            if (waiting.get(target).still) waiting.get(target).still.hidden = true; // on paper it comes back
          })
          .catch((error) => {
            target.dataset.figure = "failed";
            target.textContent = `This figure could not start: ${error.message}`;
            console.error(error);
          });
      }
    },
    { rootMargin: "400px" },
  );
  for (const script of document.querySelectorAll(VIEW)) {
    const place = document.createElement("div");
    script.after(place);
    const before = script.previousElementSibling;
    const still = before?.classList.contains("still-of-a-figure") ? before : null;
    const entry = entries.get(JSON.parse(script.textContent).model_id);
    if (entry) {
      place.dataset.figure = "waiting";
      place.classList.toggle("has-a-still", Boolean(still));
      waiting.set(place, { entry, still });
      observer.observe(place);
    } else {
      place.dataset.figure = "needs-python";
      place.textContent = "This control needs Python: open the chapter in JupyterLab to use it.";
    }
  }
})();
