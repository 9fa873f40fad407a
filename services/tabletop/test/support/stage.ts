import { Connection, type protocol, type ServerGameState } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { FakeGateway } from "@stateward/client/testing";
import { createPinia, setActivePinia } from "pinia";
import { createApp, type App, type Component } from "vue";
import { afterEach, beforeEach } from "vitest";

import { useChatStore } from "../../src/stores/chat.ts";
import { usePresenceStore } from "../../src/stores/presence.ts";
import { useSocketStore } from "../../src/stores/socket.ts";

/** A table in memory: the stores on a gateway of its own, and components in a page. */
export interface Stage {
  readonly gateway: FakeGateway;
  readonly connection: Connection;
  /** The stores as this user has them, told this of the game master. */
  readonly sitDown: (userId: "gm" | "ana", gmConnection?: protocol.GmConnection) => Promise<void>;
  readonly mount: (component: Component, props?: Record<string, unknown>, provided?: ReadonlyMap<symbol, unknown>) => HTMLElement;
}

export function stage(gameState: ServerGameState): Stage {
  let pinia: ReturnType<typeof createPinia>;
  let gateway: FakeGateway;
  let connection: Connection;
  let apps: App[] = [];

  beforeEach(() => {
    pinia = createPinia();
    setActivePinia(pinia);
  });
  afterEach(async () => {
    for (const app of apps) app.unmount();
    apps = [];
    document.body.replaceChildren();
    await useGameStateStore().leaveSession();
    connection.stop();
  });

  return {
    get gateway() {
      return gateway;
    },
    get connection() {
      return connection;
    },
    async sitDown(userId, gmConnection = { connected: true }) {
      gateway = new FakeGateway({ participantIds: ["ana"], gameState: structuredClone(gameState) });
      gateway.gmConnection = gmConnection;
      connection = new Connection({ transport: gateway.transport, token: () => userId });
      const game = useGameStateStore();
      game.connect({ connection, userId });
      useSocketStore().follow(connection);
      useChatStore().follow(connection, gateway.session.id, userId);
      usePresenceStore().follow(connection, gateway.session.id);
      const joined = game.joinSession(gateway.session.id);
      connection.start();
      await joined;
    },
    mount(component, props = {}, provided = new Map()) {
      const host = document.createElement("div");
      document.body.append(host);
      const app = createApp(component, props).use(pinia);
      for (const [key, value] of provided) app.provide(key, value);
      app.mount(host);
      apps.push(app);
      return host;
    },
  };
}
