import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRenderer, defineComponent, h, nextTick, type App } from "vue";

import { Connection, type Entity, type StateOperation } from "../src/index.ts";
import { useGameStateStore, type GameStateStore } from "../src/pinia/index.ts";
import { FakeGateway } from "../src/testing/index.ts";
import { eventually } from "./support/eventually.ts";

/** A page of plain nodes: enough for Vue to draw on, without a browser. */
interface Node {
  text: string;
  parent: Node | null;
  children: Node[];
}

const node = (text = ""): Node => ({ text, parent: null, children: [] });

const { createApp } = createRenderer<Node, Node>({
  createElement: () => node(),
  createText: node,
  createComment: () => node(),
  setText: (target, text) => {
    target.text = text;
  },
  setElementText: (target, text) => {
    target.children = [{ ...node(text), parent: target }];
  },
  insert: (child, parent, anchor) => {
    const at = anchor === null || anchor === undefined ? -1 : parent.children.indexOf(anchor);
    parent.children.splice(at < 0 ? parent.children.length : at, 0, child);
    child.parent = parent;
  },
  remove: (child) => {
    child.parent?.children.splice(child.parent.children.indexOf(child), 1);
  },
  parentNode: (child) => child.parent,
  nextSibling: (child) => child.parent?.children[child.parent.children.indexOf(child) + 1] ?? null,
  patchProp: () => undefined,
});

function textOf({ text, children }: Node): string {
  return text + children.map(textOf).join("");
}

/** Components as a game would have them: each character draws itself, and counts how often. */
class Page {
  readonly root = node();
  readonly store: GameStateStore;
  readonly drawn = new Map<string, number>();
  readonly connection: Connection;
  private readonly app: App<Node>;

  constructor(gateway: FakeGateway, userId: string) {
    const pinia = createPinia();
    setActivePinia(pinia);
    this.store = useGameStateStore();
    this.connection = new Connection({ transport: gateway.transport, token: () => userId, backoffBaseMs: 5 });
    this.store.connect({ connection: this.connection, userId });
    const { drawn } = this;
    const Character = defineComponent<{ character: Entity }>(
      ({ character }) =>
        () => {
          const id = character["id"] as string;
          drawn.set(id, (drawn.get(id) ?? 0) + 1);
          return h("li", `${id}:${character["hp"] as number} `);
        },
      { props: { character: { type: Object, required: true } } },
    );
    const Bar = defineComponent(() => {
      const store = useGameStateStore();
      return () => h("p", `v${store.gameStateVersion ?? "-"} ${store.isUpdating ? "busy" : "idle"} waiting ${store.updateQueue.length} `);
    });
    const Table = defineComponent(() => {
      const store = useGameStateStore();
      return () => h("div", [h(Bar), h("ul", store.characters.map((character) => h(Character, { key: character["id"] as string, character })))]);
    });
    this.app = createApp(Table);
    this.app.use(pinia);
    this.app.mount(this.root);
  }

  get text(): string {
    return textOf(this.root).trim();
  }

  async join(): Promise<this> {
    this.connection.start();
    await this.store.joinSession("session-1");
    await nextTick();
    return this;
  }

  async close(): Promise<void> {
    this.app.unmount();
    await this.store.logout();
    this.connection.stop();
  }
}

const hit = (id: string, by: number): StateOperation[] => [{ path: `characters.{id:${id}}.hp`, operation: "inc", value: -by }];

let gateway: FakeGateway;
let pages: Page[];

beforeEach(() => {
  const characters = ["a", "b", "c"].map((id) => ({ id, hp: 1000 }));
  gateway = new FakeGateway({ participantIds: ["ana", "ben"], gameState: { characters } });
  pages = [];
});

afterEach(async () => {
  for (const page of pages) await page.close();
});

async function open(userId: string): Promise<Page> {
  const page = new Page(gateway, userId);
  pages.push(page);
  return page.join();
}

async function shows(page: Page, text: string): Promise<void> {
  await eventually(() => {
    expect(page.text).toContain(text);
  });
}

describe("a game master's components", () => {
  it("show 100 clicks at once as 100 versions one after another, none before it is confirmed", async () => {
    const gm = await open("gm");
    expect(gm.text).toBe("v0 idle waiting 0 a:1000 b:1000 c:1000");
    const clicks = Array.from({ length: 100 }, () => gm.store.updateGameState(hit("a", 1)));
    // The gateway answers later than all that is due now.
    for (let turn = 0; turn < 10; turn++) await nextTick();
    expect(gm.text).toBe("v0 busy waiting 100 a:1000 b:1000 c:1000");
    const answers = await Promise.all(clicks);
    expect(answers.map((answer) => (answer.success ? answer.newVersion : "-"))).toEqual(Array.from({ length: 100 }, (_, index) => `${index + 1}`));
    await shows(gm, "v100 idle waiting 0 a:900 b:1000 c:1000");
    // Those that nothing happened to were drawn once.
    expect([gm.drawn.get("b"), gm.drawn.get("c")]).toEqual([1, 1]);
    expect(gateway.session.journal.map(({ broadcast }) => broadcast.newVersion)).toEqual(Array.from({ length: 100 }, (_, index) => `${index + 1}`));
  });

  it("show what stands after a refusal in the middle, and go on with the next", async () => {
    const gm = await open("gm");
    const calls = [hit("a", 1), hit("nobody", 1), hit("a", 1)].map((operations) => gm.store.updateGameState(operations));
    expect((await Promise.all(calls)).map(({ success }) => success)).toEqual([true, false, true]);
    await shows(gm, "v2 idle waiting 0 a:998");
  });

  it("show a refreshed state after a conflict, and the intent made of it", async () => {
    const gm = await open("gm");
    gateway.session.commit(hit("a", 500));
    const halved = await gm.store.updateGameState(({ characters }) => [{ path: "characters.0.hp", operation: "set", value: (characters[0]!["hp"] as number) / 2 }]);
    expect(halved).toMatchObject({ success: true, newVersion: "2" });
    await shows(gm, "v2 idle waiting 0 a:250");
  });
});

describe("players' components", () => {
  it("show what the game master does, and draw only what changed", async () => {
    const [gm, ana, ben] = [await open("gm"), await open("ana"), await open("ben")];
    await gm.store.updateGameState(hit("b", 7));
    for (const player of [ana, ben]) {
      await shows(player, "v1 idle waiting 0 a:1000 b:993 c:1000");
      expect(Object.fromEntries(player.drawn)).toEqual({ a: 1, b: 2, c: 1 });
    }
  });

  it("come to the same, whatever is lost on the way to them and however often they are cut off", async () => {
    const [gm, ana, ben] = [await open("gm"), await open("ana"), await open("ben")];
    gateway.faults = { ...gateway.faults, drop: 0.4, duplicate: 0.3, reorder: 0.3 };
    for (let round = 1; round <= 20; round++) {
      await gm.store.updateGameState(hit("c", round));
      if (round % 7 === 0) gateway.disconnect();
    }
    gateway.faults = { ...gateway.faults, drop: 0, reorder: 0 };
    await gm.store.updateGameState(hit("a", 1));
    for (const page of [gm, ana, ben]) await shows(page, "v21 idle waiting 0 a:999 b:1000 c:790");
    for (const player of [ana, ben]) {
      expect(player.store.gameStateHash).toBe(gateway.session.game.hash());
      expect(player.drawn.get("b")).toBe(1);
    }
  });

  it("come and go with their characters", async () => {
    const [gm, ana] = [await open("gm"), await open("ana")];
    await gm.store.updateGameState([{ path: "characters.0", operation: "unset" }, { path: "characters", operation: "push", value: { id: "d", hp: 1 } }]);
    await shows(ana, "v1 idle waiting 0 b:1000 c:1000 d:1");
    expect(ana.drawn.get("b")).toBe(1);
  });
});
