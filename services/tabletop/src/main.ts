import { Connection, NO_LIMITS, parsePath, Replica, webSocketTransport, type JsonValue } from "@stateward/client";

import { takeLink, userOf, type SessionLink } from "./link.ts";
import { element, notice, showChange, showHead, showSession, showState } from "./page.ts";
import { describeOperation } from "./text.ts";
import { Tree } from "./tree.ts";
import { UpdateForm } from "./update-form.ts";

function start({ token, sessionId }: SessionLink): void {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const connection = new Connection({ transport: webSocketTransport(url), token: () => token });
  const replica = new Replica({ connection, sessionId });
  const form = new UpdateForm(replica);
  const tree = new Tree(element("tree", HTMLElement), (choice) => {
    form.fill(choice);
  });
  const showTree = (): void => {
    tree.show(replica.gameState as unknown as JsonValue);
  };
  const showStates = (): void => {
    showState(connection.state, replica.state);
  };

  connection.on("state", showStates);
  replica.on("state", showStates);
  replica.on("session", (session) => {
    showSession(session, userOf(token));
  });
  replica.on("replaced", (head) => {
    showHead(head);
    showTree();
  });
  replica.on("updated", ({ head, operations }) => {
    showHead(head);
    showTree();
    for (const operation of operations) {
      showChange(head.version, describeOperation(operation));
      tree.flash(parsePath(operation.path, NO_LIMITS));
    }
  });
  replica.on("fault", ({ reason, message }) => {
    notice(`${reason}: ${message}`);
  });
  // The network is back: there is nothing to wait for.
  addEventListener("online", () => {
    if (connection.state.name === "waiting") connection.reconnect();
  });
  connection.start();
}

const link = takeLink();
if (link === undefined) notice("Open this page by the link that you were given: it names the session and who you are.");
else start(link);

// A link that is opened in a tab that shows the page already changes the fragment only.
addEventListener("hashchange", () => {
  location.reload();
});
