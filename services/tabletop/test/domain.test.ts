import { readFileSync } from "node:fs";
import { join } from "node:path";

import { emptyState, type ServerGameState } from "@stateward/client";
import { describe, expect, it } from "vitest";

import { readLine } from "../src/domain/chat-line.ts";
import { initials, pictureOf } from "../src/domain/portrait.ts";
import { inWords } from "../src/domain/refusal.ts";
import { strikesOf, viewOf } from "../src/domain/sheet.ts";
import { leaveTurns, previousTurn, turnsView } from "../src/domain/turns.ts";
import { CELL, filled, fit, frameOf, reach, squareAt, zoomAt } from "../src/map/view.ts";
import { clickTime, newUpdateId } from "../src/session/click-time.ts";
import { readLink } from "../src/session/link.ts";

function withTurns(current: number, round = 2): ServerGameState {
  const order = ["a", "b", "c"].map((id, index) => ({ id, initiative: 20 - index }));
  return { ...emptyState(), currentEncounter: { id: "e", turns: { round, current, order } } };
}

describe("turns", () => {
  it("go back one, and before the first to the last of the round before", () => {
    expect(previousTurn(withTurns(2))).toEqual([{ path: "currentEncounter.turns.current", operation: "set", value: 1 }]);
    expect(previousTurn(withTurns(0))).toEqual([
      { path: "currentEncounter.turns.current", operation: "set", value: 2 },
      { path: "currentEncounter.turns.round", operation: "inc", value: -1 },
    ]);
    expect(previousTurn(withTurns(0, 1))).toEqual([]);
  });

  it("leave the turn with whoever has it when another one leaves", () => {
    expect(leaveTurns(withTurns(1), "a")).toContainEqual({ path: "currentEncounter.turns.current", operation: "inc", value: -1 });
    expect(leaveTurns(withTurns(1), "c")).toHaveLength(1);
    expect(leaveTurns(withTurns(2), "c")).toContainEqual({ path: "currentEncounter.turns.current", operation: "inc", value: -1 });
    expect(leaveTurns(withTurns(1), "nobody")).toEqual([]);
  });

  it("are read from whatever stands in the state", () => {
    expect(turnsView(null)).toBeUndefined();
    expect(turnsView({ turns: "none" })).toBeUndefined();
    expect(turnsView({ turns: { order: [{ id: "a" }, 7], current: 5 } })).toEqual({ round: 1, current: 5, currentId: undefined, order: [{ id: "a", initiative: 0 }] });
  });
});

describe("a typed line", () => {
  it("rolls when it begins with a command, and is said otherwise", () => {
    expect(readLine(" /r 2d6+3 # fireball ")).toEqual({ kind: "roll", formula: "2d6+3", recipients: undefined, reason: "fireball" });
    expect(readLine("/gr 1d20")).toMatchObject({ recipients: "gm" });
    expect(readLine("/pr 1d20")).toMatchObject({ recipients: "private" });
    expect(readLine("/rest")).toEqual({ kind: "said", message: "/rest" });
    expect(readLine("  ")).toBeUndefined();
  });
});

describe("a sheet", () => {
  it("is read from a campaign's document, and from one that has nothing", () => {
    expect(viewOf({ id: "x" })).toMatchObject({ line: "", armorClass: 10, skills: [], features: [], slots: [], notes: "" });
    const view = viewOf({ pluginData: { species: "Gnome", class: "Wizard", subclass: "Evoker", level: 5, skills: { sleightOfHand: { proficiency: 1, bonus: 5 } } } });
    expect(view.line).toBe("Level 5 Gnome Wizard (Evoker)");
    expect(view.skills).toEqual([{ key: "sleightOfHand", name: "Sleight of hand", bonus: 5, rank: 1 }]);
  });

  it("strikes with what is in hand, and with the actions of a creature", () => {
    const bow = { id: "bow", name: "Bow", pluginData: { kind: "weapon", damage: "1d8", damageType: "piercing", properties: ["ammunition"] } };
    const archer = { inventory: [{ itemId: "bow", equipped: true }, { itemId: "gone", equipped: true }] };
    expect(strikesOf(archer, [bow])).toEqual([{ name: "Bow", by: { ability: "dexterity", damage: "1d8", type: "piercing", isRanged: true } }]);
    const wolf = { pluginData: { actions: [{ name: "Bite", attackBonus: 5, damage: "2d4+3", damageType: "piercing", reach: 5 }, { name: "Howl" }] } };
    expect(strikesOf(wolf, [])).toMatchObject([{ name: "Bite", by: { ability: "strength", damage: "2d4" } }]);
  });
});

describe("the map", () => {
  it("shows all of a world, zooms on a point that stays, and snaps a token into itself", () => {
    const view = fit({ x: 0, y: 0, width: 1000, height: 500 }, { width: 548, height: 900 });
    expect(view).toEqual({ scale: 0.5, x: 24, y: 325 });
    const nearer = zoomAt(view, { x: 100, y: 400 }, 2);
    expect((100 - nearer.x) / nearer.scale).toBeCloseTo((100 - view.x) / view.scale);
    expect((400 - nearer.y) / nearer.scale).toBeCloseTo((400 - view.y) / view.scale);
    expect(frameOf([{ x: 5, y: 6, size: 1 }, { x: 0, y: 9, size: 2 }], { width: 20, height: 20 })).toEqual({ x: 0, y: 4 * CELL, width: 8 * CELL, height: 9 * CELL });
    expect(frameOf([{ x: 1, y: 6, size: 1 }, { x: 8, y: 6, size: 1 }], { width: 10, height: 20 })).toMatchObject({ x: 0, width: 10 * CELL });
    expect(frameOf([], { width: 10, height: 20 })).toEqual({ x: 0, y: 0, width: 10 * CELL, height: 20 * CELL });
    expect(squareAt(64 * 3 + 40, -500, 1, { width: 5, height: 5 })).toEqual({ x: 4, y: 0 });
    expect(squareAt(64 * 9, 64 * 9, 2, { width: 5, height: 5 })).toEqual({ x: 3, y: 3 });
  });
});

it("an update's id tells when it was called, and another client's tells nothing", () => {
  const id = newUpdateId(1_780_000_000_123);
  expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  expect(clickTime(id)).toBe(1_780_000_000_123);
  expect(newUpdateId(5)).not.toBe(newUpdateId(5));
  expect(clickTime("cm9vdA_d2hhdGV2ZXI")).toBeUndefined();
});

it("a link is read whole or not at all", () => {
  expect(readLink("http://localhost:8080/#session=s1&token=a.b.c")).toEqual({ sessionId: "s1", token: "a.b.c" });
  expect(readLink("#token=a.b.c")).toBeUndefined();
  expect(readLink("session=&token=a")).toBeUndefined();
});

it("a screen that the map can fill shows nothing beside it, and a smaller map stays in the middle", () => {
  const screen = { width: 400, height: 600 };
  const map = { width: 20, height: 10 };
  expect(filled({ scale: 1, x: -2000, y: 300 }, map, screen)).toEqual({ scale: 1, x: 400 - 20 * CELL - 24, y: 24 });
  expect(filled({ scale: 1, x: 100, y: -20 }, map, screen)).toEqual({ scale: 1, x: 24, y: -20 });
  expect(filled({ scale: 0.5, x: -100, y: 140 }, map, screen)).toEqual({ scale: 0.5, x: -100, y: 140 });
});

it("a view moves no farther than it takes to have a token on the screen", () => {
  const screen = { width: 400, height: 600 };
  const view = { scale: 1, x: 0, y: 0 };
  expect(reach(view, { x: 2, y: 3, size: 1 }, screen)).toEqual(view);
  expect(reach(view, { x: -2, y: 3, size: 1 }, screen)).toEqual({ scale: 1, x: 2 * CELL + 24, y: 0 });
  expect(reach(view, { x: 10, y: 20, size: 2 }, screen)).toEqual({ scale: 1, x: 400 - 24 - 12 * CELL, y: 600 - 24 - 22 * CELL });
  expect(reach({ ...view, scale: 2 }, { x: 0, y: 0, size: 6 }, screen)).toEqual({ scale: 2, x: 24, y: 24 });
});

it("initials tell apart those of one name", () => {
  expect(["Brannoc Vell", "Drowned Sailor III", "Ozren of the Low Tower", "Jask", ""].map(initials)).toEqual(["BV", "DIII", "OT", "Ja", "?"]);
});

it("a picture is loaded from this site, by TLS or out of the state, and from nowhere else", () => {
  const page = "http://table.example:8080/";
  const own = "data:image/png;base64,AAAA";
  expect(["/portraits/a.webp", "https://pictures.example/a.png", own].map((avatar) => pictureOf({ avatar }, page))).toEqual(["http://table.example:8080/portraits/a.webp", "https://pictures.example/a.png", own]);
  const refused = ["http://pictures.example/a.png", "//pictures.example/a.png", "javascript:alert(1)", "data:text/html,<p>", "blob:http://table.example:8080/1", "file:///etc/passwd", "http://[", "", 7, undefined];
  for (const avatar of refused) expect(pictureOf({ avatar }, page), String(avatar)).toBeUndefined();
});

it("every picture that the demo names is there", () => {
  const read = (kind: string): { avatar: string }[] => JSON.parse(readFileSync(join(import.meta.dirname, `../../../deploy/demo/${kind}.json`), "utf8")) as { avatar: string }[];
  const avatars = ["characters", "actors"].flatMap(read).map(({ avatar }) => avatar);
  expect(avatars.length).toBeGreaterThan(10);
  for (const avatar of avatars) expect(readFileSync(join(import.meta.dirname, "../public", avatar), "utf8"), avatar).toMatch(/^<svg .*width="128" height="128"/);
});

it("every refusal is told in words that say what to do", () => {
  const error = { code: "PERMISSION_DENIED", message: "m", retryable: false, details: { reason: "SESSION_PAUSED" } } as const;
  expect(inWords(error).title).toBe("The session is paused");
  expect(inWords({ ...error, details: { reason: "SOMETHING_NEW" } })).toEqual({ title: "That is not allowed", text: "m" });
  expect(inWords({ ...error, code: "TRANSACTION_FAILED", outcome: "unknown", details: {} }).title).toContain("not known");
});
