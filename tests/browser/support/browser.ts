import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { chromium, type Browser, type Page } from "playwright-core";

const SCREENSHOTS = new URL("../../../target/browser/", import.meta.url).pathname;

/** A browser; with `via`, one that reaches `host:port` of the first at the second, and does not know. */
export function launch(via?: readonly [address: string, instead: string]): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["STATEWARD_CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(via === undefined ? [] : [`--host-resolver-rules=MAP ${via[0]} ${via[1]}`]),
    ],
  });
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
