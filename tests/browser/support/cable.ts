import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to the gateway that can be cut and mended, as a network is. */
export interface Cable {
  /** `host:port` of the gateway, and of this end. */
  readonly via: readonly [gateway: string, end: string];
  cut(): void;
  mend(): void;
  remove(): void;
}

export async function lay(gateway: string): Promise<Cable> {
  const { hostname, port, host } = new URL(gateway);
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
    via: [host, `${hostname}:${(server.address() as AddressInfo).port}`],
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
