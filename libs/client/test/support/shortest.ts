/**
 * How RFC 8785 prints a double, from its definition: of the shortest decimals that read back as this double, the closest to it.
 *
 * Exact integers only, no floating-point printing of the engine: an implementation that shares nothing with the one it checks.
 */
export function printDouble(number: number): string {
  if (number === 0) return "0";
  if (number < 0) return "-" + printDouble(-number);
  const { mantissa, exponent } = decompose(number);
  // What reads back as this double lies between the midpoints to its neighbours. In quarters of a unit in the last place:
  const isPowerOfTwo = mantissa === 1n << 52n && exponent > -1074;
  const scale = exponent >= 2 ? 1n << BigInt(exponent - 2) : 1n;
  const unit = exponent >= 2 ? 1n : 1n << BigInt(2 - exponent);
  const value = 4n * mantissa * scale;
  const low = value - (isPowerOfTwo ? 1n : 2n) * scale;
  const high = value + 2n * scale;
  const closed = mantissa % 2n === 0n;

  const at = (power: number): { digits: bigint; fits: boolean } => {
    const numerator = power < 0 ? 10n ** BigInt(-power) : 1n;
    const denominator = (power > 0 ? 10n ** BigInt(power) : 1n) * unit;
    const exact = value * numerator;
    const down = exact / denominator;
    const fits = (digits: bigint): boolean => {
      const scaled = digits * denominator;
      return closed ? scaled >= low * numerator && scaled <= high * numerator : scaled > low * numerator && scaled < high * numerator;
    };
    const distance = (digits: bigint): bigint => {
      const difference = digits * denominator - exact;
      return difference < 0n ? -difference : difference;
    };
    const candidates = [down, down + 1n].filter((digits) => digits > 0n && fits(digits));
    candidates.sort((a, b) => Number(distance(a) - distance(b) > 0n) - Number(distance(a) - distance(b) < 0n) || Number(a % 2n) - Number(b % 2n));
    return { digits: candidates[0] ?? 0n, fits: candidates.length > 0 };
  };

  // If a decimal ending at one power of ten fits, so does one ending at each lower power: the highest is found by halving.
  let most = Math.floor(Math.log10(number)) + 2;
  let least = most - 20;
  while (most - least > 1) {
    const middle = (most + least) >> 1;
    if (at(middle).fits) least = middle;
    else most = middle;
  }
  return layOut(at(least).digits.toString(), least);
}

const view = new DataView(new ArrayBuffer(8));

function decompose(number: number): { mantissa: bigint; exponent: number } {
  view.setFloat64(0, number);
  const bits = view.getBigUint64(0);
  const fraction = bits & ((1n << 52n) - 1n);
  const biased = Number(bits >> 52n);
  return biased === 0 ? { mantissa: fraction, exponent: -1074 } : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

/** ECMA-262, Number::toString, steps 6 to 10. */
function layOut(digits: string, power: number): string {
  const count = digits.length;
  const point = count + power;
  if (count <= point && point <= 21) return digits + "0".repeat(point - count);
  if (0 < point && point <= 21) return `${digits.slice(0, point)}.${digits.slice(point)}`;
  if (-6 < point && point <= 0) return `0.${"0".repeat(-point)}${digits}`;
  const exponent = `e${point > 0 ? "+" : "-"}${Math.abs(point - 1)}`;
  return count === 1 ? digits + exponent : `${digits[0]!}.${digits.slice(1)}${exponent}`;
}
