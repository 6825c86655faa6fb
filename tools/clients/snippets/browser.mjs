// transformers.js in Chromium: sentences embedded by the search page's own function.

import { readFileSync, writeFileSync } from "node:fs";
import { withPage } from "./chromium.mjs";

const [folder, data, output, serve, dtype] = process.argv.slice(2);
const sentences = JSON.parse(readFileSync(data, "utf8"));
const embeddings = await withPage(serve, folder, dtype, (page) =>
  page.evaluate(async (texts) => (await import("/search.js")).embed(texts), sentences),
);
writeFileSync(output, JSON.stringify({ embeddings }));
