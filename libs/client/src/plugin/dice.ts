/** `2d6+3`: so many dice of so many sides, and what is added. */
export interface DiceFormula {
  readonly count: number;
  readonly sides: number;
  readonly modifier: number;
}

export interface DiceRoll {
  readonly rolls: readonly number[];
  readonly modifier: number;
  readonly total: number;
}

const FORMULA = /^\s*([1-9][0-9]?)?d([1-9][0-9]{0,3})\s*(?:([+-])\s*([0-9]{1,4}))?\s*$/;

/** Reads a formula such as `d20`, `2d6` or `1d8-1`. */
export function parseDice(text: string): DiceFormula {
  const match = FORMULA.exec(text);
  if (match === null) throw new RangeError(`not a dice formula: ${text.slice(0, 64)}`);
  const [, count = "1", sides, sign = "+", modifier = "0"] = match;
  return { count: Number(count), sides: Number(sides), modifier: sign === "-" && modifier !== "0" ? -Number(modifier) : Number(modifier) };
}

/** Rolls dice. `random` gives a number from 0 to below 1; without it, the system's own randomness decides. */
export function rollDice(formula: DiceFormula | string, random: () => number = secureRandom): DiceRoll {
  const { count, sides, modifier } = typeof formula === "string" ? parseDice(formula) : formula;
  const rolls = Array.from({ length: count }, () => 1 + Math.floor(random() * sides));
  return { rolls, modifier, total: rolls.reduce((sum, roll) => sum + roll, modifier) };
}

function secureRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}
