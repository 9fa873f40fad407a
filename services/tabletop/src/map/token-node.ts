import { Group } from "konva/lib/Group";
import { Circle } from "konva/lib/shapes/Circle";
import { Line } from "konva/lib/shapes/Line";
import { Rect } from "konva/lib/shapes/Rect";
import { Text } from "konva/lib/shapes/Text";

import type { TokenView } from "../composables/useTokens.ts";
import { hueOf, initials } from "../domain/portrait.ts";
import type { Palette } from "./palette.ts";
import { CELL } from "./view.ts";

export interface TokenLook {
  readonly token: TokenView;
  readonly isSelected: boolean;
  readonly isPending: boolean;
}

const FONT = "Inter, system-ui, 'DejaVu Sans', sans-serif";

/** What its picture depends on. Where it stands is not part of it. */
export function lookKey({ token, isSelected, isPending }: TokenLook): string {
  const { name, picture, size, isVisible, disposition, hitPoints, conditions, isDown, hasTurn, elevation } = token;
  return JSON.stringify([name, picture, size, isVisible, disposition, hitPoints, conditions.length, isDown, hasTurn, elevation, isSelected, isPending]);
}

/** Paints a token: its ring tells the side, the dial how it fares, a dashed ring that players do not see it. */
export function paintToken(group: Group, look: TokenLook, palette: Palette, picture: HTMLImageElement | undefined): void {
  const { token, isSelected, isPending } = look;
  const side = token.size * CELL;
  const [middle, radius] = [side / 2, side / 2 - 5];
  group.destroyChildren();
  group.opacity(token.isVisible ? 1 : 0.72);
  const add = (...shapes: (Circle | Text | Rect | Line | Group)[]): void => {
    group.add(...shapes);
  };

  if (token.hasTurn) add(new Circle({ x: middle, y: middle, radius: radius + 9, fill: palette.accent, opacity: 0.28 }), new Circle({ x: middle, y: middle, radius: radius + 6, stroke: palette.accent, strokeWidth: 3 }));
  add(
    new Circle({
      x: middle,
      y: middle,
      radius,
      fillRadialGradientStartPoint: { x: -radius * 0.3, y: -radius * 0.4 },
      fillRadialGradientEndPoint: { x: 0, y: 0 },
      fillRadialGradientStartRadius: 0,
      fillRadialGradientEndRadius: radius * 1.2,
      fillRadialGradientColorStops: [0, `hsl(${hueOf(token.entityId)} 32% ${token.isDown ? 26 : 44}%)`, 1, `hsl(${hueOf(token.entityId)} 38% ${token.isDown ? 14 : 24}%)`],
      stroke: palette[token.disposition],
      strokeWidth: 4.5,
      ...(token.isVisible ? {} : { dash: [7, 6] }),
      shadowColor: "#000",
      shadowBlur: 8,
      shadowOpacity: 0.45,
      shadowOffsetY: 2,
    }),
  );
  const label = initials(token.name);
  if (picture !== undefined) add(portrait(picture, middle, radius - 2, token.isDown));
  else add(new Text({ text: label, width: side, height: side, align: "center", verticalAlign: "middle", fontFamily: FONT, fontStyle: "bold", fontSize: radius * (label.length > 2 ? 0.62 : 0.78), fill: "#fff", opacity: token.isDown ? 0.5 : 1 }));
  if (token.isDown) add(new Line({ points: [middle - radius * 0.5, middle - radius * 0.5, middle + radius * 0.5, middle + radius * 0.5], stroke: palette.low, strokeWidth: 5, lineCap: "round" }), new Line({ points: [middle + radius * 0.5, middle - radius * 0.5, middle - radius * 0.5, middle + radius * 0.5], stroke: palette.low, strokeWidth: 5, lineCap: "round" }));
  if (token.hitPoints !== undefined) add(healthBar(token.hitPoints, side, palette));
  if (!token.isVisible) add(badge("hidden", side - 1, 2, palette));
  else if (token.conditions.length > 0) add(badge(String(token.conditions.length), side - 1, 2, palette));
  if (token.elevation !== 0) add(new Text({ text: `${token.elevation > 0 ? "▲" : "▼"}${Math.abs(token.elevation)}`, x: -2, y: -2, fontFamily: FONT, fontSize: 13, fontStyle: "bold", fill: palette.ink, stroke: palette.surface, strokeWidth: 3, fillAfterStrokeEnabled: true }));
  if (isSelected) add(new Circle({ x: middle, y: middle, radius: radius + 5, stroke: palette.ink, strokeWidth: 2.5, dash: [10, 5] }));
  if (isPending) add(new Circle({ x: middle, y: middle, radius: radius + 5, stroke: palette.ink, strokeWidth: 2, dash: [2, 7], lineCap: "round" }));
}

/** The middle of a picture, as large as the circle has room for. */
function portrait(image: HTMLImageElement, middle: number, radius: number, isDown: boolean): Circle {
  const { naturalWidth: width, naturalHeight: height } = image;
  const scale = (2 * radius) / Math.min(width, height);
  return new Circle({
    x: middle,
    y: middle,
    radius,
    fillPatternImage: image,
    fillPatternOffset: { x: width / 2, y: height / 2 },
    fillPatternScale: { x: scale, y: scale },
    opacity: isDown ? 0.45 : 1,
  });
}

function healthBar({ current, maximum, temporary }: NonNullable<TokenView["hitPoints"]>, side: number, palette: Palette): Group {
  const share = maximum > 0 ? Math.min(1, Math.max(0, current / maximum)) : 0;
  const width = side - 16;
  const group = new Group({ x: 8, y: side - 10 });
  group.add(new Rect({ x: -2, y: -2, width: width + 4, height: 11, cornerRadius: 5.5, fill: "#000", opacity: 0.75 }));
  if (share > 0) group.add(new Rect({ width: Math.max(4, width * share), height: 7, cornerRadius: 3.5, fill: share > 0.5 ? palette.health : share > 0.25 ? palette.half : palette.low }));
  if (temporary > 0 && maximum > 0) group.add(new Rect({ width: width * Math.min(1, temporary / maximum), height: 2.5, y: -1, cornerRadius: 1, fill: palette.temporary }));
  return group;
}

function badge(text: string, right: number, top: number, palette: Palette): Group {
  const group = new Group();
  const isHidden = text === "hidden";
  const radius = 9;
  group.position({ x: right - radius, y: top + radius });
  group.add(new Circle({ radius, fill: palette.surface, stroke: isHidden ? palette.ink : palette.low, strokeWidth: 1.5 }));
  if (isHidden) {
    group.add(new Line({ points: [-5.5, 0, 0, -4, 5.5, 0, 0, 4], closed: true, tension: 0.4, stroke: palette.ink, strokeWidth: 1.5 }), new Line({ points: [-5, 5, 5, -5], stroke: palette.ink, strokeWidth: 1.8 }));
  } else {
    group.add(new Text({ text, x: -radius, y: -radius, width: 2 * radius, height: 2 * radius, align: "center", verticalAlign: "middle", fontFamily: FONT, fontSize: 12, fontStyle: "bold", fill: palette.ink }));
  }
  return group;
}
