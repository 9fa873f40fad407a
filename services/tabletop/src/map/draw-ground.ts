import type { Group } from "konva/lib/Group";
import { Circle } from "konva/lib/shapes/Circle";
import { Line } from "konva/lib/shapes/Line";
import { Rect } from "konva/lib/shapes/Rect";
import { Shape } from "konva/lib/Shape";

import type { BattleGround, Region } from "../domain/encounter.ts";
import type { Palette } from "./palette.ts";
import { CELL } from "./view.ts";

/** The floor with its regions, grid and walls. Drawn anew when the map is another one, never for a token. */
export function drawGround(into: Group, ground: BattleGround, palette: Palette, seesAll: boolean): void {
  into.destroyChildren();
  const [width, height] = [ground.width * CELL, ground.height * CELL];
  into.add(new Rect({ width, height, cornerRadius: 10, fill: palette.ground, shadowColor: "#000", shadowBlur: 30, shadowOpacity: 0.35 }));
  for (const region of ground.regions) if (region.isVisible || seesAll) into.add(regionShape(region, palette));
  into.add(gridShape(width, height, palette));
  for (const { from, to, isDoor, isHidden } of ground.walls) {
    if (isHidden && !seesAll) continue;
    const points = [...from, ...to].map((value) => value * CELL);
    into.add(
      new Line({
        points,
        stroke: isDoor ? palette.door : palette.wall,
        strokeWidth: isDoor ? 10 : 7,
        lineCap: "round",
        ...(isHidden ? { dash: [8, 12], opacity: 0.8 } : {}),
      }),
    );
  }
}

function regionShape({ shape, ground, isVisible }: Region, palette: Palette): Shape {
  const known: Record<string, string> = { floor: palette.floor, water: palette.water, deep: palette.deep, hallowed: palette.hallowed };
  const look = {
    fill: known[ground] ?? palette.grid,
    opacity: !isVisible ? 0.6 : ground === "floor" ? 1 : 0.85,
    stroke: palette.wall,
    strokeWidth: isVisible ? 0 : 2,
    dash: [8, 8],
  };
  return shape.kind === "circle"
    ? new Circle({ x: shape.x * CELL, y: shape.y * CELL, radius: shape.radius * CELL, ...look })
    : new Rect({ x: shape.x * CELL, y: shape.y * CELL, width: shape.width * CELL, height: shape.height * CELL, cornerRadius: 6, ...look });
}

/** One shape for all lines: a hundred nodes would cost a hundred times. */
function gridShape(width: number, height: number, palette: Palette): Shape {
  return new Shape({
    stroke: palette.grid,
    strokeWidth: 1.5,
    sceneFunc: (context, shape) => {
      context.beginPath();
      for (let x = CELL; x < width; x += CELL) {
        context.moveTo(x, 0);
        context.lineTo(x, height);
      }
      for (let y = CELL; y < height; y += CELL) {
        context.moveTo(0, y);
        context.lineTo(width, y);
      }
      context.strokeShape(shape);
    },
  });
}
