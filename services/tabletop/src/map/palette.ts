const NAMES = {
  ground: "--map-ground",
  grid: "--map-grid",
  water: "--map-water",
  floor: "--map-floor",
  deep: "--map-deep",
  hallowed: "--map-hallowed",
  wall: "--map-wall",
  door: "--map-door",
  ink: "--ink",
  surface: "--raised",
  accent: "--accent",
  friendly: "--friendly",
  hostile: "--hostile",
  neutral: "--neutral",
  health: "--health",
  half: "--health-half",
  low: "--health-low",
  temporary: "--temporary",
} as const;

export type Palette = Readonly<Record<keyof typeof NAMES, string>>;

/** The colours of the page as a canvas takes them: `light-dark()` is resolved by an element that is painted with it. */
export function paletteOf(host: HTMLElement): Palette {
  const probe = document.createElement("span");
  host.append(probe);
  const resolved = Object.entries(NAMES).map(([name, property]) => {
    probe.style.color = `var(${property})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(resolved) as Palette;
}
