import { describe, expect, it } from "vitest";

import { Connection, emptyState, GameState, Replica, type Entity, type StateOperation } from "../src/index.ts";
import { addToTurns, currentTurn, dnd5e, endTurns, nextTurn, parseDice, pluginContext, rollDice, startTurns, turnsOf } from "../src/plugin/index.ts";
import { FakeGateway } from "../src/testing/index.ts";
import { eventually } from "./support/eventually.ts";

const FIGHTER: Entity = {
  id: "f",
  pluginData: {
    level: 5,
    armorClass: 18,
    abilities: { strength: 18, constitution: 14 },
    hitPoints: { current: 30, maximum: 44, temporary: 5 },
    hitDice: { sides: 10, left: 2 },
    resistances: ["fire"],
    exhaustion: 1,
  },
};
const GOBLIN: Entity = { id: "g", pluginData: { armorClass: 15, hitPoints: { current: 7, maximum: 7, temporary: 0 } } };
const [fighter, goblin] = [{ of: "characters", id: "f" } as const, { of: "actors", id: "g" } as const];

const game = (): GameState => GameState.from({ ...emptyState(), characters: [FIGHTER], actors: [GOBLIN], currentEncounter: { id: "e" } });

/** The sheet after operations that were made for the state as it starts. */
function after(operations: StateOperation[], of: "characters" | "actors" = "characters"): dnd5e.Sheet {
  const state = game();
  state.apply(operations);
  return dnd5e.readSheet(state.root[of][0]!);
}

/** Dice that fall as told. */
function dice(sides: number[], ...rolls: number[]): () => number {
  let next = 0;
  return () => (rolls[next]! - 1) / sides[next++]!;
}

describe("dice", () => {
  it("are read and rolled within their bounds", () => {
    expect(parseDice("2d6 + 3")).toEqual({ count: 2, sides: 6, modifier: 3 });
    expect(parseDice("d20-1")).toEqual({ count: 1, sides: 20, modifier: -1 });
    for (const bad of ["", "6", "0d6", "d0", "2d6++1", "1000d6"]) expect(() => parseDice(bad)).toThrow(RangeError);
    const { rolls, total } = rollDice("50d6+2");
    expect(rolls.every((roll) => roll >= 1 && roll <= 6)).toBe(true);
    expect(total).toBe(rolls.reduce((sum, roll) => sum + roll, 2));
  });
});

describe("the D&D 5e plugin", () => {
  it("reads a sheet, whatever the state holds", () => {
    expect(dnd5e.readSheet(FIGHTER)).toMatchObject({ level: 5, armorClass: 18, abilities: { strength: 18, wisdom: 10 }, conditions: [] });
    expect(dnd5e.readSheet({ id: "x", pluginData: { hitPoints: "many", level: 1.5, conditions: ["happy", 3, "prone"] } })).toMatchObject({
      level: 1,
      hitPoints: { current: 1, maximum: 1, temporary: 0 },
      conditions: ["prone"],
    });
    expect([1, 4, 5, 17].map(dnd5e.proficiencyBonus)).toEqual([2, 2, 3, 6]);
    expect([1, 9, 10, 18].map(dnd5e.abilityModifier)).toEqual([-5, -1, 0, 4]);
  });

  it("takes damage from temporary hit points first, and halves what is resisted", () => {
    expect(after(dnd5e.damage(fighter, FIGHTER, 8, "slashing")).hitPoints).toEqual({ current: 27, maximum: 44, temporary: 0 });
    expect(after(dnd5e.damage(fighter, FIGHTER, 9, "fire")).hitPoints).toEqual({ current: 30, maximum: 44, temporary: 1 });
    expect(dnd5e.damage(fighter, FIGHTER, 0, "cold")).toEqual([]);
  });

  it("falls unconscious at 0 hit points, and wakes up healed", () => {
    const state = game();
    state.apply(dnd5e.damage(goblin, GOBLIN, 100, "cold"));
    const down = state.root.actors[0]!;
    expect(dnd5e.readSheet(down)).toMatchObject({ hitPoints: { current: 0 }, conditions: ["unconscious"] });
    expect(dnd5e.longRest(goblin, down)).toEqual([]);
    state.apply(dnd5e.heal(goblin, down, 100));
    expect(dnd5e.readSheet(state.root.actors[0]!)).toMatchObject({ hitPoints: { current: 7 }, conditions: [] });
  });

  it("puts conditions on once and takes them off", () => {
    const state = game();
    state.apply(dnd5e.addCondition(fighter, FIGHTER, "prone"));
    expect(dnd5e.addCondition(fighter, state.root.characters[0]!, "prone")).toEqual([]);
    state.apply(dnd5e.removeCondition(fighter, state.root.characters[0]!, "prone"));
    expect(dnd5e.readSheet(state.root.characters[0]!).conditions).toEqual([]);
  });

  it("rests short with hit dice, and long with everything", () => {
    const short = after(dnd5e.shortRest(fighter, FIGHTER, 5, dice([10, 10], 4, 6)));
    expect(short).toMatchObject({ hitPoints: { current: 44 }, hitDice: { sides: 10, left: 0 } });
    expect(after(dnd5e.longRest(fighter, FIGHTER))).toMatchObject({ hitPoints: { current: 44, temporary: 0 }, hitDice: { left: 5 }, exhaustion: 0 });
  });

  it("attacks: to hit, damage, critical hits, misses, advantage and disadvantage", () => {
    const sword: dnd5e.Attack = { ability: "strength", damage: "1d8", type: "slashing" };
    const strike = (target: Entity, random: () => number) => dnd5e.attack(FIGHTER, { place: goblin, entity: target }, sword, random);
    const hit = strike(GOBLIN, dice([20, 8], 10, 2));
    expect(hit).toMatchObject({ d20: 10, total: 15, hits: true, isCritical: false, damage: 6 });
    expect(after(hit.operations, "actors").hitPoints.current).toBe(1);
    expect(strike(GOBLIN, dice([20], 9))).toMatchObject({ hits: false, operations: [] });
    expect(strike(GOBLIN, dice([20, 8, 8], 20, 8, 8))).toMatchObject({ isCritical: true, damage: 20 });
    expect(strike({ ...GOBLIN, pluginData: { armorClass: 1 } }, dice([20], 1)).hits).toBe(false);
    const prone: Entity = { id: "g", pluginData: { armorClass: 15, conditions: ["prone"] } };
    expect(strike(prone, dice([20, 20, 8], 3, 17, 1)).d20).toBe(17);
    expect(dnd5e.attack(FIGHTER, { place: goblin, entity: prone }, { ...sword, isRanged: true }, dice([20, 20, 8], 3, 17, 1)).d20).toBe(3);
  });
});

describe("turns", () => {
  it("go round by initiative, with those who come late, until they end", () => {
    const state = game();
    state.apply(startTurns(state.root, [{ id: "g", initiative: 8 }, { id: "f", initiative: 15 }]));
    expect(currentTurn(state.root)).toEqual({ id: "f", initiative: 15 });
    state.apply(nextTurn(state.root));
    state.apply(addToTurns(state.root, { id: "late", initiative: 20 }));
    expect(currentTurn(state.root)!.id).toBe("g");
    state.apply(nextTurn(state.root));
    expect(turnsOf(state.root)).toMatchObject({ round: 2, current: 0 });
    expect(currentTurn(state.root)!.id).toBe("late");
    state.apply(endTurns(state.root));
    expect([turnsOf(state.root), nextTurn(state.root), endTurns(state.root)]).toEqual([undefined, [], []]);
  });
});

describe("a plugin in a session", () => {
  it("sees the real stream of operations, and resets what a turn and an encounter leave behind", async () => {
    const used = { id: "f", pluginData: { actionUsed: true, concentration: "bless" } };
    const gateway = new FakeGateway({ gameState: { characters: [used], currentEncounter: { id: "e" } } });
    const connection = new Connection({ transport: gateway.transport, token: () => "gm" });
    const replica = new Replica({ connection, sessionId: "session-1" });
    connection.start();
    const context = pluginContext(replica, dnd5e.dnd5e2024.id);
    const seen: string[] = [];
    context.onOperations(({ head, operations }) => seen.push(`${head.version}: ${operations.map(({ path }) => (path as string)).join(" ")}`));
    await eventually(() => {
      expect(replica.state.name).toBe("live");
    });
    const end = dnd5e.dnd5e2024.setup(context)!;
    await context.update((state) => startTurns(state, [{ id: "f", initiative: 1 }]));
    const data = (): unknown => context.character("f")!["pluginData"];
    await eventually(() => {
      expect(data()).toEqual({ actionUsed: false, concentration: "bless" });
    });
    await context.update(endTurns);
    await eventually(() => {
      expect(data()).toEqual({ actionUsed: false, concentration: null });
    });
    expect(seen).toEqual([
      "1: currentEncounter.turns",
      "2: characters.0.pluginData.actionUsed",
      "3: currentEncounter.turns",
      "4: characters.0.pluginData.concentration",
    ]);
    end();
    context.dispose();
    gateway.change([{ path: "pluginData.x", operation: "set", value: 1 }]);
    await eventually(() => {
      expect(replica.head!.version).toBe("5");
    });
    expect(seen).toHaveLength(4);
    replica.stop();
    connection.stop();
  });
});
