import type { Page } from "playwright-core";

/** Text that is too near to its ground, with the ratio of the two by WCAG 2. */
export interface Faint {
  readonly text: string;
  readonly ratio: number;
  readonly needs: number;
}

export interface Contrast {
  readonly looked: number;
  readonly faint: readonly Faint[];
}

/** Looks at all text that is seen. What is disabled, or stands over a picture, has no ratio to keep. */
export function contrastOf(page: Page): Promise<Contrast> {
  return page.evaluate(() => {
    type Colour = readonly [red: number, green: number, blue: number, alpha: number];
    const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true })!;
    const read = (colour: string): Colour => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha / 255];
    };
    const over = ([r, g, b, alpha]: Colour, [r2, g2, b2]: Colour): Colour => [r * alpha + r2 * (1 - alpha), g * alpha + g2 * (1 - alpha), b * alpha + b2 * (1 - alpha), 1];
    const luminance = ([red, green, blue]: Colour): number => {
      const linear = [red, green, blue].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
    };
    /** Undefined over a picture. */
    const groundOf = (element: Element): Colour | undefined => {
      const layers: Colour[] = [];
      for (let at: Element | null = element; at !== null; at = at.parentElement) {
        const { backgroundColor, backgroundImage } = getComputedStyle(at);
        if (backgroundImage !== "none") return undefined;
        const colour = read(backgroundColor);
        layers.push(colour);
        if (colour[3] === 1) break;
      }
      if (layers.at(-1)?.[3] !== 1) layers.push([255, 255, 255, 1]);
      return layers.reduceRight((below, layer) => over(layer, below));
    };
    const faint: { text: string; ratio: number; needs: number }[] = [];
    let looked = 0;
    for (const element of document.querySelectorAll<HTMLElement>("body *")) {
      const text = [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ textContent }) => textContent!.trim()).join(" ").trim();
      if (text === "" || element.closest(":disabled, .visually-hidden, option, [aria-hidden=true]") !== null || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const ground = groundOf(element);
      if (ground === undefined) continue;
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      const [red, green, blue, opaque] = read(color);
      let alpha = opaque;
      for (let at: Element | null = element; at !== null; at = at.parentElement) alpha *= Number(getComputedStyle(at).opacity);
      const [bright, dark] = [luminance(over([red, green, blue, alpha], ground)), luminance(ground)].toSorted((a, b) => b - a);
      const ratio = (bright! + 0.05) / (dark! + 0.05);
      const size = parseFloat(fontSize);
      const needs = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5;
      looked++;
      if (ratio < needs) faint.push({ text: `${element.className} ${text.slice(0, 40)}`, ratio: Math.round(ratio * 100) / 100, needs });
    }
    return { looked, faint };
  });
}
