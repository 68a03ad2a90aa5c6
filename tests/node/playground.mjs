// Tries the page /docs in a browser as a person does, and tells what was seen: node playground.mjs CHROMIUM URL TOKEN [FOLDER]
import { chromium } from "playwright-core";

const [, , executablePath, url, token, folder] = process.argv;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const complaints = [];

async function open(options) {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(15_000);
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.goto(`${url}/docs`);
  await page.getByRole("option", { name: "play", exact: true }).waitFor({ state: "attached" });
  return page;
}

const shot = (page, name) => folder && page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });

const page = await open({ viewport: { width: 1280, height: 900 } });
await page.keyboard.press("Tab");
await page.keyboard.insertText(token);
await page.keyboard.press("Enter");
await page.getByRole("status").filter({ hasText: "signed in" }).waitFor();
await page.getByLabel("filename").fill("low");
await page.getByLabel("volume").fill("150");
const curl = await page.locator("#curl").textContent();
await page.getByLabel("volume").fill("");
await page.getByLabel("filename").press("Enter");
const log = page.getByRole("log");
await log.getByRole("heading", { name: "← playing" }).waitFor();
await log.getByRole("heading", { name: "● playback.started" }).waitFor();
await page.getByLabel("Action").selectOption("search");
await page.getByLabel("limit").fill("1000");
await page.getByRole("button", { name: "Send" }).click();
await log.getByRole("heading", { name: "← error" }).waitFor();
const refusal = JSON.parse(await log.locator("li pre").first().textContent());
await shot(page, "wide");
const actions = await page.locator("#action option").allTextContents();
const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie, document.querySelector("#token").value]);
const hasUnnamed = await page.evaluate(() =>
  [...document.querySelectorAll("input, select, textarea")].filter((input) => !input.labels.length).length);

const phone = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
await shot(phone, "phone");

await browser.close();
console.log(JSON.stringify({ curl, actions, kept, refusal, overflow, hasUnnamed, complaints }));
