// transformers.js in Node: the pipeline for features, which finds the file of a precision by its name.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { env, pipeline } from "@huggingface/transformers";

const [folder, data, output, dtype] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);

const extract = await pipeline("feature-extraction", basename(folder), { dtype });
const vectors = await extract(JSON.parse(readFileSync(data, "utf8")), { pooling: "mean", normalize: true });
writeFileSync(output, JSON.stringify({ embeddings: vectors.tolist() }));
