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

/** A part of the world. */
export interface Frame extends Size {
  readonly x: number;
  readonly y: number;
}

/** All of a frame in the middle of the screen. */
export function fit({ x, y, width, height }: Frame, screen: Size): View {
  const scale = clamp(Math.min((screen.width - 2 * MARGIN) / width, (screen.height - 2 * MARGIN) / height));
  return { scale, x: (screen.width - width * scale) / 2 - x * scale, y: (screen.height - height * scale) / 2 - y * scale };
}

/** The same view, moved so that nothing beside the map is seen where there is map enough to fill the screen. */
export function filled(view: View, map: Size, screen: Size): View {
  const shift = (at: number, length: number, room: number): number => (length <= room ? at : Math.min(MARGIN, Math.max(room - length - MARGIN, at)));
  const { scale } = view;
  return { scale, x: shift(view.x, map.width * CELL * scale, screen.width), y: shift(view.y, map.height * CELL * scale, screen.height) };
}

/** Squares around the tokens that are shown with them. */
const AROUND = 2;
/** Of a map's length: from there on, all of it is shown. */
const NEARLY_ALL = 0.75;

/** Where something is: the tokens with some ground around them, or the whole map when there are none. In world units. */
export function frameOf(tokens: readonly { readonly x: number; readonly y: number; readonly size: number }[], map: Size): Frame {
  const span = (starts: readonly number[], ends: readonly number[], length: number): [number, number] => {
    const [from, to] = [Math.max(0, Math.min(length, ...starts) - AROUND), Math.min(length, Math.max(0, ...ends) + AROUND)];
    return to <= from || to - from >= NEARLY_ALL * length ? [0, length] : [from, to];
  };
  const [left, right] = span(tokens.map(({ x }) => x), tokens.map(({ x, size }) => x + size), map.width);
  const [top, bottom] = span(tokens.map(({ y }) => y), tokens.map(({ y, size }) => y + size), map.height);
  return { x: left * CELL, y: top * CELL, width: (right - left) * CELL, height: (bottom - top) * CELL };
}

/** Nearer or farther, with what is under the point kept under it. */
export function zoomAt(view: View, point: { readonly x: number; readonly y: number }, factor: number): View {
  const scale = clamp(view.scale * factor);
  const grown = scale / view.scale;
  return { scale, x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown };
}

/** The same view, moved no farther than it takes to have a token on the screen. */
export function reach(view: View, { x, y, size }: { readonly x: number; readonly y: number; readonly size: number }, screen: Size): View {
  const { scale } = view;
  const shift = (at: number, place: number, room: number): number => {
    const [from, to] = [at + place * CELL * scale, at + (place + size) * CELL * scale];
    // One that has no room is seen from its corner on.
    return from < MARGIN || to - from > room - 2 * MARGIN ? at + MARGIN - from : Math.min(at, at + room - MARGIN - to);
  };
  return { scale, x: shift(view.x, x, screen.width), y: shift(view.y, y, screen.height) };
}

function clamp(scale: number): number {
  return Math.min(CLOSEST, Math.max(FARTHEST, scale));
}

/** The square that a token's corner at a place of the world snaps to, within the map. */
export function squareAt(x: number, y: number, size: number, map: Size): { x: number; y: number } {
  const snap = (value: number, length: number): number => Math.min(Math.max(0, length - Math.max(1, size)), Math.max(0, Math.round(value / CELL)));
  return { x: snap(x, map.width), y: snap(y, map.height) };
}
