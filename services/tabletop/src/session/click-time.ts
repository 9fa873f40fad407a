/**
 * When an update was called stands in its id: 9 base-36 digits of milliseconds before what makes it unique. The id goes to everybody
 * with the update, so each screen can tell how long it took from the game master's click, as far as the clocks agree.
 */
const DIGITS = 9;
const FORM = /^t([0-9a-z]{9})-/;

export function newUpdateId(now: number = Date.now()): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  const unique = Array.from(random, (byte) => byte.toString(36).padStart(2, "0")).join("");
  return `t${now.toString(36).padStart(DIGITS, "0")}-${unique}`;
}

/** Undefined for an id that was made by another client. */
export function clickTime(updateId: string): number | undefined {
  const digits = FORM.exec(updateId)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 36);
}
