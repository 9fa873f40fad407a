import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const LISTENS = "0A";

/** The process that listens on the port of an address: a service that was brought back has another id than at the start. */
export function listenerOf(address: string): number {
  const port = Number(new URL(address).port).toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").map((line) => line.trim().split(/\s+/));
  const inode = lines.find(([, local, , state]) => local?.endsWith(`:${port}`) === true && state === LISTENS)?.[9];
  const pid = readdirSync("/proc").find((entry) => /^[0-9]+$/.test(entry) && inode !== undefined && holds(entry, `socket:[${inode}]`));
  if (pid === undefined) throw new Error(`no process listens on ${address}`);
  return Number(pid);
}

function holds(pid: string, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === file);
  } catch {
    // Another user's, or gone by now.
    return false;
  }
}
