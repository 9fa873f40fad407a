import { expect, it } from "vitest";

import { SessionCommands } from "../src/index.ts";

function answering(status: number, body: string): { commands: SessionCommands; asked: [string, RequestInit | undefined][] } {
  const asked: [string, RequestInit | undefined][] = [];
  const commands = new SessionCommands({
    url: "https://play.example/table/",
    token: () => "the-token",
    fetch: (url, init) => {
      asked.push([url instanceof URL ? url.href : "", init]);
      return Promise.resolve(new Response(body, { status }));
    },
  });
  return { commands, asked };
}

it("posts a command with the token in a header, and gives its answer", async () => {
  const { commands, asked } = answering(200, '{"status":"active","newVersion":"8","epoch":"e","timestamp":1,"session":{}}');
  expect(await commands.undo("s-1", "6", "misclick")).toMatchObject({ success: true, newVersion: "8" });
  const [url, init] = asked[0]!;
  expect(url).toBe("https://play.example/api/sessions/s-1/undo");
  expect(init).toMatchObject({ method: "POST", body: '{"version":"6","reason":"misclick"}', headers: { authorization: "Bearer the-token" } });
});

it("says why in every command that may have a reason", async () => {
  const { commands, asked } = answering(200, '{"status":"active","epoch":"e","timestamp":1,"session":{}}');
  await commands.start("s-1", "all here");
  await commands.pause("s-1", "tea");
  await commands.resume("s-1", "back");
  await commands.handOver("s-1", "ann", "my train");
  await commands.end("s-1", "late");
  const bodies = asked.map(([, init]) => JSON.parse(init!.body as string) as unknown);
  expect(bodies).toEqual([{ reason: "all here" }, { reason: "tea" }, { reason: "back" }, { gameMasterId: "ann", reason: "my train" }, { reason: "late" }]);
});

it("gives a refusal as every other interface does", async () => {
  const problem = { type: "urn:x", status: 403, detail: "no", code: "PERMISSION_DENIED", message: "no", retryable: false, details: { reason: "NOT_GAME_MASTER" } };
  const { commands } = answering(403, JSON.stringify(problem));
  expect(await commands.pause("s-1")).toMatchObject({ success: false, error: { code: "PERMISSION_DENIED", details: { reason: "NOT_GAME_MASTER" } } });
});

it("says that the outcome is unknown when the answer is none of ours", async () => {
  const { commands } = answering(502, "<html>bad gateway</html>");
  expect(await commands.end("s-1")).toMatchObject({ success: false, error: { outcome: "unknown", details: { reason: "NO_ANSWER" } } });
});
