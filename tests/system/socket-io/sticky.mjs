// A load balancer that keeps each client at one server by a cookie, as proxies before Socket.IO must.

import { createServer, request } from "node:http";
import { connect } from "node:net";

export async function sticky(urls) {
  const targets = urls.map((url) => new URL(url));
  const served = targets.map(() => 0);
  let next = 0;
  const choose = (headers) => {
    const kept = /(?:^|; )server=(\d+)/.exec(headers.cookie ?? "")?.[1];
    const index = kept === undefined ? next++ % targets.length : Number(kept);
    served[index]++;
    return { index, isNew: kept === undefined };
  };
  const server = createServer((incoming, outgoing) => {
    const { index, isNew } = choose(incoming.headers);
    const { hostname: host, port } = targets[index];
    const passed = request({ host, port, method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, { ...answer.headers, ...(isNew ? { "set-cookie": `server=${index}; Path=/` } : {}) });
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  server.on("upgrade", (incoming, socket, head) => {
    const { hostname: host, port } = targets[choose(incoming.headers).index];
    const passed = connect({ host, port: Number(port) }, () => {
      const headers = incoming.rawHeaders.flatMap((text, at) => (at % 2 === 0 ? [`${text}: ${incoming.rawHeaders[at + 1]}`] : []));
      passed.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
      passed.write(head);
      passed.pipe(socket).pipe(passed);
    });
    for (const [one, other] of [[passed, socket], [socket, passed]]) one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, served: () => served };
}
