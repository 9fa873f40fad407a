import { describe, expect, it } from "vitest";

import { checkOperations, emptyState, GameState, type StateOperation } from "../src/index.ts";
import { touch } from "../src/queue/touch.ts";

const START = { ...emptyState(), characters: [{ id: "a", hp: 1, bag: [] }, { id: "b", hp: 2 }, { id: "c", hp: 3 }] };
const set = (path: StateOperation["path"], value: unknown = 9): StateOperation => ({ path, operation: "set", value });
const push = (path: string, index?: number): StateOperation => ({ path, operation: "push", value: { id: "n" }, ...(index === undefined ? {} : { index }) });

describe("what somebody else's change means for an operation", () => {
  it.each<[string, StateOperation, StateOperation, string]>([
    ["another place", set("characters.0.hp"), set("characters.1.hp"), "none"],
    ["the same place", set("characters.0.hp"), set("characters.0.hp"), "value"],
    ["the same place by its id", set("characters.1.hp"), set("characters.{id:b}.hp"), "value"],
    ["another element by its id", set("characters.1.hp"), set("characters.{id:a}.hp"), "none"],
    ["something inside", set("characters.0.hp"), set("characters.0", {}), "value"],
    ["something above", set("characters.0", { id: "x" }), set("characters.0.hp"), "place"],
    ["something above, without an index", set("pluginData.x", {}), set("pluginData.x.y"), "value"],
    ["two additions", { path: "characters.0.hp", operation: "inc", value: 1 }, { path: "characters.0.hp", operation: "inc", value: 2 }, "none"],
    ["an element that went before", { path: "characters.0", operation: "unset" }, set("characters.1.hp"), "place"],
    ["an element that went behind", { path: "characters.2", operation: "unset" }, set("characters.1.hp"), "none"],
    ["an element that went, met by id", { path: "characters.0", operation: "unset" }, set("characters.{id:b}.hp"), "none"],
    ["an element that came before", push("characters", 0), set("characters.1.hp"), "place"],
    ["an element that came last", push("characters"), set("characters.1.hp"), "none"],
    ["two that came last", push("characters"), push("characters"), "none"],
    ["an element that came, and the whole list", push("characters"), set("characters", []), "value"],
    ["elements that were pulled", { path: "characters", operation: "pull", value: { id: "c" } }, set("characters.0.hp"), "place"],
    ["a change inside a list that is pushed to", set("characters.0.hp"), push("characters"), "none"],
    ["a removed key", { path: "characters.0.hp", operation: "unset" }, set("characters.0.bag"), "none"],
  ])("%s", (_, theirs, mine, expected) => {
    const game = GameState.from(START);
    const [resolved] = game.apply([theirs]).resolved;
    expect(touch(resolved!, checkOperations([mine])[0]!, game.root)).toBe(expected);
  });
});
