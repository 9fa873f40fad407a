import { describe, expect, it } from "vitest";

import { writeNumber } from "../src/core/canonical.ts";
import { parseJson } from "../src/index.ts";
import { anyDouble, Random } from "./support/generate.ts";
import { printDouble } from "./support/shortest.ts";

const DOUBLES = 1_000_000;
const SEED = Number(process.env["STATEWARD_SEED"] ?? Date.now() % 0x1_0000_0000);

// The samples of RFC 8785, appendix B: bits and text.
const SAMPLES: [bits: string, text: string][] = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

describe("numbers", () => {
  it("are printed as the samples of RFC 8785", () => {
    const view = new DataView(new ArrayBuffer(8));
    for (const [bits, text] of SAMPLES) {
      view.setBigUint64(0, BigInt(`0x${bits}`));
      expect(writeNumber(view.getFloat64(0))).toBe(text);
      expect(printDouble(view.getFloat64(0))).toBe(text);
    }
  });

  it(`are printed and read back as exact arithmetic says, for ${DOUBLES} doubles (STATEWARD_SEED=${SEED})`, { timeout: 600_000 }, () => {
    const random = new Random(SEED);
    for (let count = 0; count < DOUBLES; count++) {
      const number = someDouble(random);
      const text = writeNumber(number);
      // A million `expect`s would take longer than what they check.
      if (text !== printDouble(number) || !Object.is(parseJson(text), number === 0 ? 0 : number)) {
        expect.fail(`${number}: ${text}, exactly ${printDouble(number)}, read back as ${JSON.stringify(parseJson(text))}`);
      }
    }
  });
});

/** Any bits; and what states are full of: decimals, whole numbers, and the neighbours of powers of two. */
function someDouble(random: Random): number {
  switch (random.below(4)) {
    case 0:
      return (random.below(2 ** 31) - 2 ** 30) / 10 ** random.below(10);
    case 1:
      return (random.below(2 ** 21) - 2 ** 20) * 2 ** 32 + random.bits();
    case 2: {
      const power = 2 ** (random.below(2046) - 1022);
      return random.pick([power, power * (1 + Number.EPSILON), power * (1 - Number.EPSILON / 2)]);
    }
    default:
      return anyDouble(random);
  }
}
