// Chromium, and a page that remembers what went wrong in it.
import { accessSync, constants } from "node:fs";
import { chromium } from "playwright-core";

const first = (programs) =>
  programs.find((path) => {
    try {
      return accessSync(path, constants.X_OK) ?? true;
    } catch {
      return false;
    }
  });
export const executablePath = first(["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]);
/// For node:test: why the tests cannot run, or false.
export const skip = executablePath ? false : "no Chromium is here: apt-get install chromium";
export const skipStore = skip || (first(["/usr/bin/redis-server"]) ? false : "no Redis is here: apt-get install redis-server");
export const kWait = 30_000;

export const launch = () => chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

export async function open(browser, server, { hash = "", expects = [], ...context } = {}) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...context })).newPage();
  page.setDefaultTimeout(kWait);
  page.faults = [];
  page.bytes = 0;
  page.on("pageerror", (error) => page.faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const text = `${message.type()}: ${message.text()} ${message.location().url}`;
    if (/status of 404.*\/v1\/history/.test(text)) return; // A server may keep none.
    if (["error", "warning"].includes(message.type()) && !expects.some((e) => e.test(text))) page.faults.push(text);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${server.base}/`)) page.faults.push(`foreign: ${request.url()}`);
  });
  await page.goto(`${server.base}/ui${hash}`);
  return page;
}
/// Waits until the text of an element meets a test.
export async function until(page, selector, test, what) {
  const end = Date.now() + kWait;
  let text = "";
  while (Date.now() < end) {
    text = ((await page.locator(selector).first().textContent({ timeout: kWait })) ?? "").trim();
    if (test(text)) return text;
    await page.waitForTimeout(50);
  }
  throw new Error(`${selector} never came to ${what}: ${text}`);
}
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
/// When the first text or picture was painted, in ms since the start of the loading.
export const painted = async (page) =>
  (await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime)).jsonValue();
