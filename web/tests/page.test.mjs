// The dashboard in a real Chromium, before a real server.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { launch, open, overflow, painted, skip, skipStore, until } from "./browser.mjs";
import { Redis, Server, tokens } from "./server.mjs";

const kBytesMax = 300_000;
const kViews = ["live", "keys", "why?limit=login&key=mallory", "history", "whatif", "policies?domain=shop&entries=user%3Dblocked"];
const number = (text) => Number(text.replaceAll(",", ""));

describe("the dashboard", { skip }, () => {
  let browser, server, stop;
  before(async () => {
    server = await Server.start();
    stop = server.traffic();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await stop?.();
    await server?.end();
  });
  const done = async (page) => {
    assert.deepEqual(page.faults, []);
    await page.context().close();
  };

  test("all of it is below 300 kB, from this server alone, and inline is only what it was built with", async () => {
    const page = await open(browser, server);
    await until(page, ".state", (t) => t === "live", "live");
    const files = await page.evaluate(() => ["ui", ...performance.getEntriesByType("resource").map((r) => r.name)].filter((n) => /ui(\/[^/]+)?$/.test(n)));
    let bytes = 0;
    for (const file of new Set(files)) bytes += (await (await fetch(new URL(file, `${server.base}/`))).arrayBuffer()).byteLength;
    assert.ok(files.includes("ui") && files.some((f) => f.endsWith("/ui/app.js")), files.join());
    assert.ok(bytes > 10_000 && bytes < kBytesMax, `${bytes}`);
    const policy = (await fetch(`${server.base}/ui`)).headers.get("content-security-policy");
    assert.match(policy, /^default-src 'none'; script-src 'self'( 'sha256-[^' ]+'){2}; style-src 'sha256-[^' ]+'; img-src/);
    assert.doesNotMatch(policy, /unsafe|https?:/);
    await done(page);
  });

  test("the first paint waits for the page alone: its frame is there before the script, in the colours chosen", async () => {
    const page = await open(browser, server, { colorScheme: "light", hash: "#/policies" });
    await page.locator("main .card").first().waitFor();
    await page.keyboard.press("t");
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    let answer;
    const asked = new Promise((found) => page.route("**/ui/app.js", (route) => ((answer = () => route.continue()), found())));
    await page.reload({ waitUntil: "commit" });
    await asked;
    assert.ok((await painted(page)) > 0);
    assert.deepEqual(await page.locator("nav a").allTextContents(), ["Live", "Keys", "Why", "History", "What if", "Policies"]);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark);
    assert.equal((await page.locator(".top").boundingBox()).height, 48);
    await answer();
    await page.locator("main .card").first().waitFor();
    assert.deepEqual(await page.evaluate(() => ["header.top", "nav", "main", ".skip"].map((s) => document.querySelectorAll(s).length)), [1, 1, 1, 1]);
    await done(page);
  });

  test("the first paint comes about when that of a page with one word does", async () => {
    const context = await browser.newContext();
    const best = { "/ui": Infinity, "/healthz": Infinity };
    const near = () => best["/ui"] < 3 * best["/healthz"]; // The best of each: what the machine does beside them is not the page's.
    for (let i = 0; i < 10 || (i < 30 && !near()); ++i)
      for (const path of Object.keys(best)) {
        const page = await context.newPage();
        await page.goto(`${server.base}${path}`);
        best[path] = Math.min(best[path], await painted(page));
        await page.close();
      }
    assert.ok(near(), JSON.stringify(best));
    console.log(`first paint at best: ${JSON.stringify(best)} ms`);
    await context.close();
  });

  test("live: rates move, a chosen limit is drawn, doors and store are told", async () => {
    const page = await open(browser, server);
    await until(page, "[data-figure=allowed]", (t) => number(t) > 0, "more than 0");
    await until(page, "[data-figure=refused]", (t) => number(t.split(" ")[0]) > 0, "more than 0");
    await until(page, "[data-limit=login]", (t) => /[1-9]/.test(t), "a number");
    await page.locator(".chart canvas").first().waitFor();
    await until(page, "[data-door=http] td:nth-child(3)", (t) => number(t) > 0, "more than 0");
    assert.match(await page.locator("[data-figure=store]").textContent(), /^local/);
    // More is asked, and the page tells so by itself.
    const before = number(await page.locator("[data-figure=decisions]").textContent());
    const more = setInterval(() => server.take("upload", "batch", 200).catch(() => undefined), 50);
    await until(page, "[data-figure=decisions]", (t) => number(t) > before + 500, `more than ${before + 500}`);
    clearInterval(more);
    await page.click("[data-limit=login] button.row");
    await page.locator("h2", { hasText: "login, a second" }).waitFor();
    assert.match(page.url(), /#\/live\?limit=login$/);
    assert.match(await page.locator("[data-limit=search]").textContent(), /shadow/);
    await done(page);
  });

  test("keys: the heaviest, and a key leads to why", async () => {
    const page = await open(browser, server, { hash: "#/keys?limit=api" });
    await until(page, ".keys tbody tr:first-child", (t) => t.includes("alice"), "alice");
    await page.selectOption("select", "");
    await page.click("text=refused most");
    await until(page, ".keys tbody tr:first-child", (t) => t.includes("mallory"), "mallory");
    await page.click(".keys a >> text=mallory");
    await until(page, "[data-answer]", (t) => t.startsWith("Refused for another"), "a refusal");
    assert.match(page.url(), /#\/why\?limit=login&key=mallory$/);
    await page.locator("h2", { hasText: "Refused lately" }).waitFor();
    await until(page, ".pair tbody tr:first-child", (t) => t.includes("2/min burst 3"), "the quota");
    await done(page);
  });

  test("why: a key that nobody has used is full, and a limit that is none is told", async () => {
    const page = await open(browser, server, { hash: "#/why", expects: [/status of 404/] });
    await page.selectOption("select", "api");
    await page.fill("input.mono", "nobody/?&=é");
    await page.press("input.mono", "Enter");
    await until(page, "[data-answer]", (t) => t === "A request would pass now.", "passing");
    assert.match(await page.locator(".quotas").textContent(), /2,000 of 2,000 left, full/);
    await page.goto(`${server.base}/ui#/why?limit=none&key=x`);
    await until(page, ".failure", (t) => t.includes("no limit has this name"), "the server's words");
    await done(page);
  });

  test("history: what was decided is there, at each range", async () => {
    const page = await open(browser, server, { hash: "#/history" });
    await until(page, "tbody", (t) => t.includes("login") && t.includes("api"), "the limits");
    await page.locator(".chart canvas").waitFor();
    await page.click("text=24 h");
    await page.locator("h2", { hasText: "the last 24 h" }).waitFor();
    await page.selectOption("select", "login");
    await page.locator("h2", { hasText: "login, the last 24 h" }).waitFor();
    await done(page);
  });

  test("what if: a log that is given to the page, a quota that is typed and dragged", async () => {
    const page = await open(browser, server, { hash: "#/whatif?from=log" });
    await page.setInputFiles("input[type=file]", fileURLToPath(new URL("../../examples/nasa_aug95_part.log", import.meta.url)));
    await page.fill("[data-quota]", "5/min burst 8");
    await until(page, "[data-figure=would-refuse]", (t) => t.startsWith("41 "), "41, as sluice simulate says");
    assert.equal(await page.locator("[data-figure=burst]").textContent(), "16");
    assert.match(await page.locator("tbody tr:first-child").textContent(), /haraway\.ucet\.ufl\.edu/);
    await page.locator("[data-dial=burst]").fill("1000");
    await until(page, "[data-figure=would-refuse]", (t) => t.startsWith("0 "), "0");
    assert.equal(await page.inputValue("[data-quota]"), "5/min burst 100000");
    await page.fill("[data-quota]", "5/fortnight");
    await until(page, ".failure", (t) => t.includes("unknown period 'fortnight'"), "what is wrong");
    await page.fill("[data-quota]", "1/min");
    await page.fill("textarea", 'h - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.0" 200 5\n'.repeat(3));
    await until(page, "[data-figure=would-refuse]", (t) => t.startsWith("2 "), "2");
    await done(page);
  });

  test("what if: the history of a limit", async () => {
    const page = await open(browser, server, { hash: "#/whatif?limit=api&quota=1%2Fday" });
    await until(page, "[data-figure=would-refuse]", (t) => number(t.split(" ")[0]) > 0, "more than 0");
    await done(page);
  });

  test("policies: the rules in force, and which one a request falls under", async () => {
    const page = await open(browser, server, { hash: "#/policies" });
    await until(page, ".rules", (t) => t.includes("100/s") && t.includes("refuses all"), "the rules");
    await page.getByLabel("Domain").fill("shop");
    await page.getByLabel("Entries").fill("user=blocked");
    await page.click("button >> text=Explain");
    await until(page, ".verdict", (t) => t.startsWith("Always refused."), "refused");
    assert.match(await page.locator(".answer").textContent(), new RegExp(`policies\\.yaml, line 7 ${server.version("policies.yaml")}`));
    await done(page);
  });

  test("policies: the files in force, their versions and their text, and another as soon as it is read", async () => {
    const own = await Server.start();
    try {
      const page = await open(browser, own, { hash: "#/policies" });
      const row = (name) => `[data-file$="${name}"]`;
      for (const name of ["limits.yaml", "policies.yaml"]) await until(page, row(name), (t) => t.includes(own.version(name)), "its version");
      await page.click(`${row("limits.yaml")} button`);
      await until(page, ".numbered", (t) => t.includes("quota: 2/min burst 3"), "the text");
      const before = own.version("limits.yaml");
      own.write("limits.yaml", "limits:\n  fresh: {quota: 7/s}\n");
      assert.notEqual(own.version("limits.yaml"), before);
      await until(page, row("limits.yaml"), (t) => t.includes(own.version("limits.yaml")), "the new version");
      await until(page, ".numbered", (t) => t.includes("fresh: {quota: 7/s}"), "the new text");
      // What is refused is not in force.
      own.write("limits.yaml", "limits: {bad: {quota: none}}\n");
      await page.waitForResponse((r) => r.url().endsWith("/v1/policies"));
      assert.doesNotMatch(await page.locator(row("limits.yaml")).textContent(), new RegExp(own.version("limits.yaml")));
      await page.click(`${row("limits.yaml")} button`);
      await page.locator(".numbered").waitFor({ state: "detached" });
      await done(page);
    } finally {
      await own.end();
    }
  });

  test("keys of the keyboard", async () => {
    const page = await open(browser, server);
    const title = (name) => page.waitForFunction((n) => document.title === `${n} · Sluice`, name);
    await title("Live");
    for (const [i, name] of ["Live", "Keys", "Why", "History", "What if", "Policies"].entries()) {
      await page.keyboard.press(String(i + 1));
      await title(name);
    }
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "INPUT");
    await page.keyboard.type("1t?"); // Typed text is no command.
    await title("Policies");
    await page.keyboard.press("Escape");
    await page.goto(`${server.base}/ui#/live`);
    await page.reload();
    await title("Live");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Skip to the content");
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    // Every limit can be chosen without a mouse, and a chart be read.
    await page.locator("[data-limit=login] button.row").focus();
    await page.keyboard.press("Enter");
    await page.locator("h2", { hasText: "login, a second" }).waitFor();
    await page.locator("figure.chart").first().focus();
    await page.waitForFunction(() => document.querySelector("figure.chart"));
    for (let i = 0; i < 200 && !(await page.locator(".readout").first().textContent()); ++i) {
      await page.keyboard.press("ArrowLeft");
      await page.waitForTimeout(50);
    }
    assert.match(await page.locator(".readout").first().textContent(), /\d\d:\d\d:\d\d.*allowed/);
    await done(page);
  });

  test("dark and light: the system's, or the one chosen, which stays", async () => {
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [light, dark] = await Promise.all(["light", "dark"].map((colorScheme) => open(browser, server, { colorScheme })));
    const [white, black] = [await ground(light), await ground(dark)];
    assert.notEqual(white, black);
    await light.locator(".top").waitFor();
    await light.keyboard.press("t");
    assert.equal(await ground(light), black);
    await light.reload();
    await light.locator(".top").waitFor();
    assert.equal(await ground(light), black);
    await light.keyboard.press("t");
    assert.equal(await ground(light), white);
    await done(light);
    await done(dark);
  });

  test("on a phone nothing is wider than the screen, and the views are at its foot", async () => {
    for (const view of kViews) {
      const page = await open(browser, server, { hash: `#/${view}`, viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
      await page.locator("main .card, main .empty").first().waitFor();
      await until(page, ".state", (t) => t === "live", "live");
      assert.equal(await overflow(page), 0, view);
      const nav = await page.locator("nav").boundingBox();
      assert.ok(nav.y > 600 && nav.x >= 0 && nav.x + nav.width <= 360, JSON.stringify(nav));
      await done(page);
    }
  });

  test("nothing configured and nothing asked is told, and no fault", async () => {
    const bare = await Server.start({ bare: true });
    try {
      for (const view of kViews) {
        const page = await open(browser, bare, { hash: `#/${view}`, expects: [/status of 404/] });
        await page.locator("main .empty, main .failure").first().waitFor();
        await done(page);
      }
    } finally {
      await bare.end();
    }
  });

  test("a server that goes is told, and found again", async () => {
    const mortal = await Server.start();
    const page = await open(browser, mortal, { expects: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|ERR_CONNECTION_RESET|ERR_EMPTY/] });
    await until(page, ".state", (t) => t === "live", "live");
    await mortal.end();
    await until(page, ".state", (t) => t === "connection lost", "lost");
    const next = await Server.start({ http: mortal.address });
    try {
      await until(page, ".state", (t) => t === "live", "live again");
      await next.take("api", "x", 3);
      await until(page, "[data-limit=api]", (t) => t.includes("api"), "the limits");
      await done(page);
    } finally {
      await next.end();
    }
  });
});

describe("a server over Redis", { skip: skipStore }, () => {
  test("a store that hangs is told, what is decided without it is counted, and so is its return", async () => {
    const redis = await Redis.start();
    const server = await Server.start({ store: redis.url });
    const stop = server.traffic();
    const browser = await launch();
    try {
      const page = await open(browser, server);
      await until(page, ".state", (t) => t === "live", "live");
      await until(page, "[data-figure=store]", (t) => t === "shared", "shared");
      await until(page, "[data-fact=State]", (t) => t === "up", "up");
      await until(page, "[data-fact='Decided by the store']", (t) => number(t.split(" ")[0]) > 0, "some");
      redis.hang();
      await until(page, ".state", (t) => t === "store away", "away");
      assert.match(await page.locator("[data-figure=store]").textContent(), /^away/);
      assert.match(await page.locator("[data-fact=State]").textContent(), /^away since \d\d:\d\d:\d\d: .*on_store_failure decides/);
      await until(page, "[data-fact='Decided without it']", (t) => !t.startsWith("0 /s"), "some");
      await page.keyboard.press("2");
      await until(page, ".away", (t) => t.includes("The store is away"), "the word on every view");
      await page.keyboard.press("1");
      redis.wake();
      await until(page, ".state", (t) => t === "live", "live again");
      await until(page, "[data-fact=State]", (t) => /^up since \d\d:\d\d:\d\d$/.test(t), "up again");
      assert.equal(await page.locator(".away").count(), 0);
      assert.deepEqual(page.faults, []);
    } finally {
      redis.wake();
      await browser.close();
      await stop();
      await server.end();
      await redis.end();
    }
  });
});

describe("a server with tokens", { skip }, () => {
  let browser, server;
  before(async () => {
    server = await Server.start({ guarded: true });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.end();
  });

  test("asks for one, says no kindly to a wrong one, and keeps the right one in this tab alone", async () => {
    const page = await open(browser, server, { expects: [/status of 401/] });
    const give = async (token) => {
      await page.locator("dialog[open] input").fill(token);
      await page.keyboard.press("Enter");
    };
    await until(page, "dialog[open]", (t) => t.includes("asks for a token"), "the question");
    await page.keyboard.press("Escape"); // There is nothing behind it to see.
    await page.keyboard.press("Escape");
    await give("not-the-one");
    await until(page, "dialog[open]", (t) => t.includes("does not know this token"), "the refusal");
    await give(tokens.see);
    await until(page, ".state", (t) => t === "live", "live");
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.locator("[data-limit=api]").waitFor();
    assert.deepEqual(await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href]), ["{}", "", `${server.base}/ui`]);
    await page.reload();
    await until(page, ".state", (t) => t === "live", "live after a reload");
    await page.goto(`${server.base}/ui#/policies`);
    await until(page, ".rules", (t) => t.includes("100/s"), "the rules");
    const other = await open(browser, server, { expects: [/status of 401/] });
    await until(other, "dialog[open]", (t) => t.includes("asks for a token"), "the question");
    await page.click("text=sign out");
    await until(page, "dialog[open]", (t) => t.includes("asks for a token"), "the question again");
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual([...page.faults, ...other.faults], []);
  });

  test("tells a token without the role what it lacks", async () => {
    const page = await open(browser, server, { expects: [/status of 40[13]/] });
    await page.locator("dialog[open] input").fill(tokens.take);
    await page.keyboard.press("Enter");
    await until(page, ".failure", (t) => t.includes("lacks the role inspect"), "what it lacks");
    await page.click("nav >> text=Policies");
    await until(page, ".failure", (t) => t.includes("lacks the role inspect"), "what it lacks");
    assert.deepEqual(page.faults, []);
  });
});
