// Measures a normal client beside crowds that are idle, slow or greedy, against a release build on SQLite with its default
// settings, and prints a Markdown table. `just siege` runs it: `just siege [SECONDS PER LINE]`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import { folder, send, start, watch } from './bench-processes.mjs';
import { connect, request } from './siege-connection.mjs';

const seconds = Number(process.argv[2] ?? 10);
if (!Number.isInteger(seconds) || seconds < 1) throw new Error('The argument is the seconds per line, such as 10.');

/** The pause between two requests of the normal client, in milliseconds. */
const PAUSE = 50;
/** One of this many requests of the normal client is a sign-in. */
const SIGN_IN_EVERY = 10;
/** The address of the normal client. The crowds have other addresses of the loopback network. */
const ADDRESS = '127.0.1.1';
const credentials = { email: 'normal@example.com', password: 'correct horse battery' };

/** A new server, and a normal user with twenty tasks. */
async function begin() {
  const database = join(folder, `${crypto.randomUUID()}.db`);
  const settings = { BIND: '127.0.0.1:0', LOG: 'info,docket::request=error,docket::security=error' };
  const server = await start(resolve('target/release/docket'), { ...settings, DATABASE_URL: `sqlite://${database}` });
  const account = { name: 'Normal', ...credentials };
  const { token, user } = await send('POST', `${server.url}/api/auth/sign-up/email`, account);
  const path = `/api/${user.id}/tasks`;
  let id;
  for (let number = 1; number <= 20; number++) {
    ({ id } = await send('POST', `${server.url}${path}`, { title: `Task ${number}` }, token));
  }
  return { server, path, id, token };
}

/** Starts a crowd and waits until it is in place. Returns a function that stops it and returns what it got. */
async function besiege(crowd, url) {
  const script = join(import.meta.dirname, 'siege-crowd.mjs');
  const child = spawn(process.execPath, [script, crowd, url], { stdio: ['pipe', 'pipe', 'inherit'] });
  watch(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`The crowd of ${crowd} ended.`);
    return value;
  };
  await line();
  return async () => {
    const ended = once(child, 'exit');
    child.stdin.end();
    const got = await line();
    await ended;
    return got;
  };
}

/** Repeats the requests of a person at work on one connection. Returns their times in milliseconds, sorted. */
async function measure({ server, path, id, token }) {
  const requests = [];
  const signIns = [];
  let failed = 0;
  let socket;
  const signIn = () => request(socket, 'POST', '/api/auth/sign-in/email', { body: credentials });
  const steps = [
    () => request(socket, 'GET', `${path}?limit=20`, { token }),
    () => request(socket, 'PATCH', `${path}/${id}/complete`, { token }),
    () => request(socket, 'GET', `${path}/${id}`, { token }),
  ];
  const until = performance.now() + seconds * 1000;
  for (let turn = 0; performance.now() < until; turn++) {
    const isSignIn = turn % SIGN_IN_EVERY === 0;
    const began = performance.now();
    try {
      if (!socket || socket.destroyed) socket = await connect(server.url, ADDRESS);
      const { status } = await (isSignIn ? signIn() : steps[turn % steps.length]());
      if (status === 200) (isSignIn ? signIns : requests).push(performance.now() - began);
      else failed++;
    } catch {
      failed++;
    }
    await setTimeout(PAUSE);
  }
  socket?.destroy();
  for (const times of [requests, signIns]) times.sort((one, other) => one - other);
  return { requests, signIns, failed };
}

function percentile(times, share) {
  if (times.length === 0) return 'none';
  const time = times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

/** Prints a line: the normal client beside a crowd, on a new server. */
async function row(name, crowd) {
  const normal = await begin();
  const stop = crowd ? await besiege(crowd, normal.server.url) : async () => '';
  const { requests, signIns, failed } = await measure(normal);
  const megabytes = normal.server.megabytes();
  const got = await stop();
  await normal.server.stop();
  const times = [requests, signIns].flatMap((times) => [percentile(times, 0.5), percentile(times, 0.99)]);
  const total = requests.length + signIns.length + failed;
  console.log(`| ${[name, ...times, `${failed} of ${total}`, `${megabytes} MB`, got].join(' | ')} |`);
}

const { model } = cpus()[0];
console.log(`${cpus().length} cores (${model.trim()}), shared by the clients and the server; ${seconds} s a line.\n`);
console.log('| Beside the normal client | p50 | p99 | Sign in: p50 | Sign in: p99 | Failed | Memory | What the crowd got |');
console.log('|---|--:|--:|--:|--:|--:|--:|---|');
await row('Nobody');
await row('1,000 idle connections', 'idle');
await row('1,000 slow headers (slowloris)', 'slow headers');
await row('1,000 slow bodies', 'slow bodies');
await row('200 connections that read no response', 'unread responses');
await row('320 connections that sign in with one right password', 'sign-ins');
await row('The same from 100 networks', 'sign-ins from many networks');
await row('50 connections that write', 'writes');
await row('50 connections that export', 'exports');
await row('50 connections that list 500 tasks', 'lists');
