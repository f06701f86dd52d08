/* Runs in a Web Worker, behind the three files before it. A message {id, task, ...} is answered by {id, result},
   {id, error} or, when {cancel: id} came meanwhile, {id, cancelled}; {id, layer: true} tells of progress. */

const state = { kernel: null, tensors: {}, trunk: {}, cancelled: -1 };

const tasks = {
  /* Take over the weights of a scale; answer what they hold. */
  weights({ scale, bytes, kernels }) {
    state.kernel ??= makeKernel(kernels);
    state.tensors[scale] = readTensors(bytes);
    const parts = {};
    for (const part of ["rsn", "idn"]) {
      if (!(`${part}.trunk.head.weight` in state.tensors[scale])) continue;
      const { blocks, radius } = packTrunk(state.tensors[scale], part, 16);
      const [width] = state.tensors[scale][`${part}.trunk.head.weight`].shape;
      parts[part] = { radius, layers: 2 * blocks.length + 1, cost: width ** 2 };
    }
    return { kernel: state.kernel.name, parts };
  },

  /* One window of a picture through a network. */
  apply({ part, scale, step, window }, breathe) {
    const key = `${part} ${scale} ${step}`;
    if (state.trunk.key !== key) {
      const known = `${part}.trunk.head.weight` in state.tensors[scale];
      state.trunk = { key, packed: known ? packTrunk(state.tensors[scale], part, step) : null };
    }
    return applyNetwork(state.kernel, state.trunk.packed, part, scale, window, breathe);
  },

  /* A decoded plane without networks, at the original's size or one more. */
  bare({ scale, plane }) {
    return applyNetwork(state.kernel, null, "idn", scale, plane);
  },

  /* A file, and the plane that any program decodes from it. */
  encode({ plane, table, comment }) {
    const file = writeJpeg(forwardDct(plane), plane.width, plane.height, table, comment);
    return { file, decoded: readJpeg(file) };
  },

  /* The plain JPEG of the lowest quality that takes at least `bytes`; of 100 where none does. */
  match({ plane, base, bytes }) {
    const dct = forwardDct(plane);
    const attempt = (quality) => writeJpeg(dct, plane.width, plane.height, scaledTable(base, quality));
    let [low, high] = [0, 100];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (attempt(middle).length < bytes) low = middle;
      else high = middle;
    }
    const file = attempt(high);
    return { quality: high, file, decoded: readJpeg(file) };
  },
};

/* Let messages in, so that a cancellation is heard. */
const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();
const turn = () => new Promise((resolve) => (waiting.push(resolve), channel.port2.postMessage(0)));

onmessage = async ({ data: { id, cancel, task, ...data } }) => {
  if (cancel !== undefined) return void (state.cancelled = cancel);
  try {
    const result = await tasks[task](data, async () => {
      postMessage({ id, layer: true });
      await turn();
      if (id <= state.cancelled) throw "cancelled";
    });
    postMessage({ id, result });
  } catch (error) {
    postMessage(error === "cancelled" ? { id, cancelled: true } : { id, error: error.message ?? String(error) });
  }
};
