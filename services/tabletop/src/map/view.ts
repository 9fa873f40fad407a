/** Where the map lies on the screen: world times `scale`, moved by `x` and `y`. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** Of a square, in world units. */
export const CELL = 64;
const MARGIN = 24;
const CLOSEST = 2.5;
const FARTHEST = 0.15;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** All of `world` in the middle of `screen`. */
export function fit(world: Size, screen: Size): View {
  const scale = clamp(Math.min((screen.width - 2 * MARGIN) / world.width, (screen.height - 2 * MARGIN) / world.height));
  return { scale, x: (screen.width - world.width * scale) / 2, y: (screen.height - world.height * scale) / 2 };
}

/** Nearer or farther, with what is under the point kept under it. */
export function zoomAt(view: View, point: { readonly x: number; readonly y: number }, factor: number): View {
  const scale = clamp(view.scale * factor);
  const grown = scale / view.scale;
  return { scale, x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown };
}

function clamp(scale: number): number {
  return Math.min(CLOSEST, Math.max(FARTHEST, scale));
}

/** The square that a token's corner at a place of the world snaps to, within the map. */
export function squareAt(x: number, y: number, size: number, map: Size): { x: number; y: number } {
  const snap = (value: number, length: number): number => Math.min(Math.max(0, length - Math.max(1, size)), Math.max(0, Math.round(value / CELL)));
  return { x: snap(x, map.width), y: snap(y, map.height) };
}
