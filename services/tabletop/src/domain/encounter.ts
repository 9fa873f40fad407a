import type { Entity } from "@stateward/client";

import { at, idOf, isRecord, list, nameOf, number, text, words } from "./read.ts";

export type Disposition = "friendly" | "hostile" | "neutral";

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly of: "characters" | "actors";
  readonly entityId: string;
  readonly x: number;
  readonly y: number;
  readonly elevation: number;
  readonly size: number;
  readonly isVisible: boolean;
  readonly disposition: Disposition;
  /** Whether everyone sees how it fares, or the game master alone. */
  readonly barShown: boolean;
}

export interface Region {
  readonly id: string;
  readonly name: string;
  readonly ground: string;
  readonly isVisible: boolean;
  readonly effects: readonly string[];
  readonly shape:
    | { readonly kind: "rectangle"; readonly x: number; readonly y: number; readonly width: number; readonly height: number }
    | { readonly kind: "circle"; readonly x: number; readonly y: number; readonly radius: number };
}

export interface Wall {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly isDoor: boolean;
  readonly isHidden: boolean;
}

export interface BattleGround {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly feet: number;
  readonly regions: readonly Region[];
  readonly walls: readonly Wall[];
}

export function tokensOf(encounter: Entity | null): Token[] {
  return list(at(encounter, "tokens")).filter(isRecord).map(readToken);
}

function readToken(token: Record<string, unknown>): Token {
  const disposition = text(token["disposition"]);
  return {
    id: idOf(token),
    name: nameOf(token),
    of: token["documentType"] === "character" ? "characters" : "actors",
    entityId: text(token["documentId"]),
    x: number(at(token, "position", "x")),
    y: number(at(token, "position", "y")),
    elevation: number(at(token, "position", "elevation")),
    size: Math.max(0.5, number(token["size"], 1)),
    isVisible: token["isVisible"] !== false,
    disposition: disposition === "friendly" || disposition === "hostile" ? disposition : "neutral",
    barShown: at(token, "bar", "shown") === "everyone",
  };
}

export function groundOf(encounter: Entity): BattleGround {
  return {
    id: idOf(encounter),
    width: Math.min(200, Math.max(1, number(at(encounter, "map", "width"), 20))),
    height: Math.min(200, Math.max(1, number(at(encounter, "map", "height"), 20))),
    feet: number(at(encounter, "map", "grid", "feet"), 5),
    regions: regionsOf(encounter),
    walls: list(at(encounter, "walls")).filter(isRecord).map(readWall),
  };
}

export function regionsOf(encounter: Entity): Region[] {
  return list(at(encounter, "regions")).filter(isRecord).map((region) => {
    const shape = at(region, "shape");
    const [x, y] = [number(at(shape, "x")), number(at(shape, "y"))];
    return {
      id: idOf(region),
      name: nameOf(region),
      ground: text(region["ground"]),
      isVisible: region["isVisible"] !== false,
      effects: words(region["effects"]),
      shape:
        at(shape, "kind") === "circle"
          ? { kind: "circle", x, y, radius: number(at(shape, "radius"), 1) }
          : { kind: "rectangle", x, y, width: number(at(shape, "width"), 1), height: number(at(shape, "height"), 1) },
    };
  });
}

function readWall(wall: Record<string, unknown>): Wall {
  return {
    from: [number(at(wall, "from", "x")), number(at(wall, "from", "y"))],
    to: [number(at(wall, "to", "x")), number(at(wall, "to", "y"))],
    isDoor: isRecord(wall["door"]),
    isHidden: at(wall, "door", "hidden") === true,
  };
}

export interface LogLine {
  readonly id: string;
  readonly round: number;
  readonly who: string;
  readonly text: string;
  readonly isPublic: boolean;
}

export function logOf(encounter: Entity): LogLine[] {
  const names = new Map(tokensOf(encounter).map(({ id, name }) => [id, name]));
  return list(at(encounter, "log")).filter(isRecord).map((line) => ({
    id: idOf(line),
    round: number(line["round"]),
    who: names.get(text(line["tokenId"])) ?? "",
    text: text(line["text"]),
    isPublic: line["isPublic"] !== false,
  }));
}
