/* Pictures: from a reader's file to a plane of luma, and from a plane to the screen.
   A plane is {data: Uint8Array, width, height}. */

/* Luma as Pillow computes it: full-range BT.601 in 6-bit fixed point, cut off, so that of equal r, g and b it may be
   a level less. What is gray everywhere stays as it is. */
const LUMA = [0.299, 0.587, 0.114].map((c) => Int32Array.from({ length: 256 }, (_, i) => Math.floor(64 * c * i + 0.5)));

async function openPicture(blob, name) {
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: "none" }); // pixels as stored, turned upright
  } catch {
    throw new Error(`${name} is not a picture that this browser can open.`);
  }
}

/* The middle of a picture as luma, transparency on white. */
function readLuma(bitmap, side) {
  const [width, height] = [Math.min(bitmap.width, side), Math.min(bitmap.height, side)];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, -((bitmap.width - width) >> 1), -((bitmap.height - height) >> 1));
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height);
  const [r, g, b] = LUMA;
  let gray = true;
  for (let i = 0; i < data.length; i++) {
    const [red, green, blue] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]];
    data[i] = (r[red] + g[green] + b[blue]) >> 6;
    gray &&= red === green && green === blue;
  }
  return { data: gray ? data.map((_, i) => rgba[4 * i]) : data, width, height };
}

/* Some browsers change the pixels that a page reads, so that it cannot recognise its reader. */
function pixelsAreTrue() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(10, 120, 230)";
  context.fillRect(0, 0, 64, 64);
  return context.getImageData(0, 0, 64, 64).data.every((value, i) => value === [10, 120, 230, 255][i % 4]);
}

function paint({ data, width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < data.length; i++) pixels[i] = 0xff000000 | (data[i] * 0x010101);
  context.putImageData(image, 0, 0);
  return canvas;
}

/* In dB; nothing where the pictures differ in size. */
function psnr(a, b) {
  if (a.data.length !== b.data.length) return undefined;
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i] - b.data[i]) ** 2;
  return 10 * Math.log10((255 ** 2 * a.data.length) / sum);
}
