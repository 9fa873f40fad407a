import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to the gateway that can be cut and mended, as a network is. */
export interface Cable {
  /** The gateway's address through it. */
  readonly gateway: string;
  cut(): void;
  mend(): void;
  remove(): void;
}

export async function lay(gateway: string): Promise<Cable> {
  const { hostname, port } = new URL(gateway);
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
  const cut = (): void => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    gateway: `http://${hostname}:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => {
      whole = true;
    },
    remove: () => {
      cut();
      server.close();
    },
  };
}
