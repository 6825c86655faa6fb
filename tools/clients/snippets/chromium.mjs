// The search page of a published folder, opened in Chromium without a window.

import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const MODULES = join(dirname(fileURLToPath(import.meta.url)), "node_modules");
const TIMEOUT = 300_000;

// Calls `use` with the page once its sentences are embedded; `serve` is the page's server, a Python program.
export async function withPage(serve, folder, dtype, use) {
  const server = spawn("python3", [serve, folder, "--modules", MODULES], { stdio: ["ignore", "pipe", "inherit"] });
  const browser = await puppeteer.launch({
    args: await puppeteer.defaultArgs({ args: chromium.args, headless: "shell" }),
    executablePath: await chromium.executablePath(),
    headless: "shell",
    protocolTimeout: TIMEOUT,
  });
  try {
    const address = (await createInterface(server.stdout)[Symbol.asyncIterator]().next()).value;
    const page = await browser.newPage();
    page.on("console", (message) => console.error(message.text()));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(address) && !/^(blob|data):/.test(url)) console.error(`not from the server: ${url}`);
    });
    page.setDefaultTimeout(TIMEOUT);
    await page.setViewport({ width: 760, height: 560 });
    await page.goto(`${address}?dtype=${dtype}`);
    await page.waitForFunction(() => /embedded in|Not loaded/.test(document.getElementById("status").textContent));
    const status = await page.$eval("#status", (element) => element.textContent);
    if (status.startsWith("Not loaded")) throw new Error(status);
    return await use(page);
  } finally {
    await browser.close();
    server.kill();
  }
}
