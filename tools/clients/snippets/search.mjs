// The search page in Chromium: a query typed by hand, the list that appears, and the score of every sentence.
//
// Usage: search.mjs FOLDER QUERIES.json OUTPUT.json SERVE.py [SCREENSHOT.png]

import { readFileSync, writeFileSync } from "node:fs";
import { withPage } from "./chromium.mjs";

const [folder, data, output, serve, screenshot] = process.argv.slice(2);
const queries = JSON.parse(readFileSync(data, "utf8"));
const answers = await withPage(serve, folder, "fp32", async (page) => {
  const answers = [];
  for (const query of queries) {
    await page.$eval("#query", (element) => (element.value = ""));
    await page.type("#query", query);
    const scores = await page.evaluate(async (text) => (await import("/search.js")).search(text), query);
    await page.waitForFunction((first) => document.querySelector("#results li")?.textContent.endsWith(first), {}, scores[0].text);
    const shown = await page.$$eval("#results li", (items) => items.map((item) => item.lastChild.textContent));
    answers.push({ query, shown, scores });
  }
  if (screenshot) await page.screenshot({ path: screenshot });
  return answers;
});
writeFileSync(output, JSON.stringify(answers));
