import { createHash } from "node:crypto";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Sha256 } from "../src/core/sha256.ts";

function reference(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("SHA-256", () => {
  it("gives the digests of FIPS 180-4 around every block boundary", () => {
    for (let length = 0; length <= 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) & 255);
      expect(new Sha256().update(bytes).hex()).toBe(reference(bytes));
    }
  });

  it("gives the same however the input is cut, and after going on from a clone", () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 8 });
    fc.assert(
      fc.property(parts, parts, (before, after) => {
        const sha = new Sha256();
        for (const part of before) sha.update(part);
        const clone = sha.clone();
        expect(sha.hex()).toBe(reference(Buffer.concat(before)));
        for (const part of after) clone.update(part);
        expect(clone.hex()).toBe(reference(Buffer.concat([...before, ...after])));
        expect(sha.hex()).toBe(reference(Buffer.concat(before)));
      }),
    );
  });
});
