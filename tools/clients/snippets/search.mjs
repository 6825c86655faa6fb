// The search page in Chromium: each sentence is typed as a query, what appears is what the page's scores say. Takes a
// screenshot of one more query beside the output.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { withPage } from "./chromium.mjs";

const [folder, data, output, serve, shown] = process.argv.slice(2);

async function ask(page, query) {
  await page.$eval("#query", (element) => (element.value = ""));
  await page.type("#query", query);
  const scores = await page.evaluate(async (text) => (await import("/search.js")).search(text), query);
  const expected = scores.map(({ score, text }) => score.toFixed(2) + text);
  await page.waitForFunction(
    (expected) => {
      const items = [...document.querySelectorAll("#results li")].map((item) => item.textContent);
      return items.length > 1 && items.every((text, index) => text === expected[index]);
    },
    {},
    expected,
  );
  return Object.fromEntries(scores.map(({ score, text }) => [text, score]));
}

const scores = await withPage(serve, folder, "fp32", async (page) => {
  const scores = [];
  for (const query of JSON.parse(readFileSync(data, "utf8"))) scores.push(await ask(page, query));
  await ask(page, shown);
  await page.screenshot({ path: join(dirname(output), "search.png") });
  return scores;
});
writeFileSync(output, JSON.stringify({ scores }));
