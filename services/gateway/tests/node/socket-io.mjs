// What a Socket.IO client written for another server expects of ours. Usage: node socket-io.mjs <url> <transports>
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test as define } from 'node:test';

import { io } from 'socket.io-client';

const [url, list] = process.argv.slice(2);
const transports = list.split(',');
const upgrades = transports.length > 1;

const test = (name, run) => define(name, { timeout: 120_000 }, run);

function open(options = {}) {
  const { namespace = '', ...rest } = options;
  return io(url + namespace, { transports, forceNew: true, auth: { token: 'good' }, reconnectionDelay: 50, reconnectionDelayMax: 50, ...rest });
}

async function connected(options) {
  const socket = open(options);
  await once(socket, 'connect');
  return socket;
}

/** Waits for one event and gives all its arguments. `once` of node would treat `error` specially, this does not. */
const next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

test('connects, and upgrades if it may', async () => {
  const socket = open();
  const upgraded = upgrades && new Promise((resolve) => socket.io.once('open', () => socket.io.engine.once('upgrade', resolve)));
  await once(socket, 'connect');
  assert.match(socket.id, /^[A-Za-z0-9_-]{22}$/);
  if (upgrades) await upgraded;
  assert.equal(socket.io.engine.transport.name, transports.at(-1));
  assert.deepEqual(await socket.emitWithAck('echo', 'after the upgrade'), 'after the upgrade');
  socket.disconnect();
});

test('acknowledges with what was sent', async () => {
  const socket = await connected();
  for (const value of ['é\u2028"\\', 0, -1.5e-7, null, [], {}, { a: [1, { b: '\u0001' }] }, true]) {
    assert.deepEqual(await socket.timeout(60_000).emitWithAck('echo', value), value);
  }
  socket.disconnect();
});

test('loses nothing and keeps the order, also during the upgrade', async () => {
  const socket = await connected();
  const news = [];
  socket.on('news', (number) => news.push(number));
  const echoes = Array.from({ length: 300 }, (_, number) => socket.timeout(60_000).emitWithAck('echo', number));
  assert.equal(await socket.timeout(60_000).emitWithAck('burst', 500), 500);
  assert.deepEqual(await Promise.all(echoes), Array.from({ length: 300 }, (_, number) => number));
  assert.deepEqual(news, Array.from({ length: 500 }, (_, number) => number));
  socket.disconnect();
});

test('carries a large message', async () => {
  const socket = await connected();
  const text = 'x'.repeat(200_000);
  assert.equal(await socket.timeout(60_000).emitWithAck('echo', text), text);
  socket.disconnect();
});

test('stays while heartbeats go on', async () => {
  const socket = await connected();
  socket.on('disconnect', assert.fail);
  for (let pings = 0; pings < 4; pings += 1) await next(socket.io, 'ping');
  assert.equal(await socket.timeout(60_000).emitWithAck('echo', 1), 1);
  socket.off('disconnect').disconnect();
});

test('waits while the server does not read, and is answered then', async () => {
  const socket = await connected();
  socket.emit('pause', 1000);
  const start = Date.now();
  assert.equal(await socket.timeout(60_000).emitWithAck('echo', 'late'), 'late');
  assert.ok(Date.now() - start >= 900);
  socket.disconnect();
});

test('is told why a token is refused, and does not come back', async () => {
  const socket = open({ auth: { token: 'bad' } });
  const [error] = await next(socket, 'connect_error');
  assert.equal(error.message, 'the token is not valid');
  assert.equal(error.data.details.reason, 'TOKEN_INVALID');
  assert.equal(socket.active, false);
});

test('is told that there is no other namespace', async () => {
  const socket = open({ namespace: '/admin' });
  const [error] = await next(socket, 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
  socket.disconnect();
});

test('stays away when it was closed for good', async () => {
  const socket = await connected();
  socket.emit('leave');
  const [reason] = await next(socket, 'disconnect');
  assert.equal(reason, 'io server disconnect');
  assert.equal(socket.active, false);
});

test('comes back by itself when it was told to', async () => {
  const socket = await connected();
  const id = socket.id;
  socket.emit('move');
  const [reason] = await next(socket, 'disconnect');
  assert.equal(reason, 'transport close');
  await once(socket, 'connect');
  assert.notEqual(socket.id, id);
  assert.equal(await socket.timeout(60_000).emitWithAck('echo', 2), 2);
  socket.disconnect();
});

test('is closed when it sends binary data', async () => {
  const socket = await connected({ reconnection: false });
  socket.emit('echo', Buffer.from([1, 2, 3]));
  await next(socket, 'disconnect');
});
