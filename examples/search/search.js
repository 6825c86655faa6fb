// Embeds the sentences of sentences.txt with the published folder under /model, and lists those nearest to a query.
// Everything comes from the server of this page. ?dtype=q8 or fp16 chooses another ONNX file than fp32.

import { env, pipeline } from "@huggingface/transformers";

const SHOWN = 8;
const BATCH = 20;

env.allowLocalModels = true;
env.allowRemoteModels = false;
env.localModelPath = "/";
// Another folder may be served under the same address tomorrow.
env.useBrowserCache = false;
env.backends.onnx.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";

const dtype = new URLSearchParams(location.search).get("dtype") ?? "fp32";
const [query, status, results] = ["query", "status", "results"].map((id) => document.getElementById(id));

async function fetchFile(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.statusText}`);
  return response;
}

// How the folder makes one vector of the tokens', in the words of transformers.js.
async function readPooling() {
  const config = await (await fetchFile("/model/1_Pooling/config.json")).json();
  const known = { pooling_mode_mean_tokens: "mean", pooling_mode_cls_token: "cls" };
  const modes = Object.keys(config).filter((key) => key.startsWith("pooling_mode_") && config[key] === true);
  const pooling = modes.length ? modes.map((mode) => known[mode]) : [config.pooling_mode].flat();
  if (pooling.length !== 1 || !["mean", "cls"].includes(pooling[0]))
    throw new Error("this page pools by mean or cls only, and the folder says otherwise");
  return pooling[0];
}

const loaded = Promise.all([pipeline("feature-extraction", "model", { dtype, device: "wasm" }), readPooling()]);

// One vector of length 1 for each text.
export async function embed(texts) {
  const [extract, pooling] = await loaded;
  return (await extract(texts, { pooling, normalize: true })).tolist();
}

async function embedAll(texts) {
  const vectors = [];
  for (let start = 0; start < texts.length; start += BATCH) {
    vectors.push(...(await embed(texts.slice(start, start + BATCH))));
    status.textContent = `Embedding: ${vectors.length} of ${texts.length} sentences`;
  }
  return vectors;
}

async function readSentences() {
  const text = await (await fetchFile("sentences.txt")).text();
  return text.split("\n").filter((line) => line.trim());
}

const indexed = (async () => {
  const sentences = await readSentences();
  await loaded;
  const started = performance.now();
  const vectors = await embedAll(sentences);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  status.textContent = `${sentences.length} sentences embedded in ${seconds} s, in this page (${dtype})`;
  return { sentences, vectors };
})();

// The sentences with their cosine similarity to a text, nearest first.
export async function search(text) {
  const { sentences, vectors } = await indexed;
  const [wanted] = await embed([text]);
  const score = (vector) => vector.reduce((sum, value, index) => sum + value * wanted[index], 0);
  return sentences.map((text, index) => ({ text, score: score(vectors[index]) })).sort((a, b) => b.score - a.score);
}

async function show() {
  const text = query.value.trim();
  const found = text ? await search(text) : [];
  // A later query may have been typed meanwhile.
  if (text !== query.value.trim()) return;
  results.replaceChildren(
    ...found.slice(0, SHOWN).map(({ text, score }) => {
      const item = document.createElement("li");
      item.append(Object.assign(document.createElement("b"), { textContent: score.toFixed(2) }), text);
      return item;
    }),
  );
}

indexed.then(
  () => {
    query.disabled = false;
    query.focus();
    query.addEventListener("input", show);
  },
  (error) => {
    status.textContent = `Not loaded: ${error.message}`;
  },
);
