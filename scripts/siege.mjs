// Measures a normal client beside clients that are idle, slow or greedy, against a release build on SQLite, and prints a Markdown
// table. `just siege` runs it: `just siege [SECONDS PER LINE]`.
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';

import { folder, send, start } from './bench-processes.mjs';
import { crowds } from './siege-crowds.mjs';
import { connect, request } from './siege-connection.mjs';

const seconds = Number(process.argv[2] ?? 10);
if (!Number.isInteger(seconds) || seconds < 1) throw new Error('The argument is the seconds per line, such as 10.');

/** The pause between two requests of the normal client, in milliseconds. */
const PAUSE = 20;
/** One of this many requests of the normal client is a sign-in. */
const SIGN_IN_EVERY = 10;
/** The address of the normal client. The others have other addresses of the loopback network. */
const NORMAL = '127.0.1.1';

const credentials = { email: 'normal@example.com', password: 'correct horse battery' };

/** The server, and a normal user with twenty tasks. */
async function begin() {
  const database = join(folder, `siege-${crypto.randomUUID()}.db`);
  const environment = { BIND: '127.0.0.1:0', DATABASE_URL: `sqlite://${database}`, LOG: 'warn,docket::request=off,docket::security=off' };
  const server = await start(resolve('target/release/docket'), { ...environment, LOG: 'info,docket::request=error,docket::security=error' });
  const { token, user } = await send('POST', `${server.url}/api/auth/sign-up/email`, { name: 'Normal', ...credentials });
  const path = `/api/${user.id}/tasks`;
  const ids = [];
  for (let number = 0; number < 20; number++) {
    ids.push((await send('POST', `${server.url}${path}`, { title: `Task ${number}` }, token)).id);
  }
  return { server, path, id: ids[0], token };
}

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const ms = (value) => (value === undefined ? 'none' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

/** Repeats the requests of a person at work on one connection, and returns their times in milliseconds. */
async function measure({ server, path, id, token }, until) {
  const times = { requests: [], signIns: [], failed: 0 };
  let connection;
  for (let turn = 0; Date.now() < until; turn++) {
    const isSignIn = turn % SIGN_IN_EVERY === 0;
    const steps = [
      ['GET', `${path}?limit=20`],
      ['PATCH', `${path}/${id}/complete`],
      ['GET', `${path}/${id}`],
    ];
    const [method, target] = isSignIn ? ['POST', '/api/auth/sign-in/email'] : steps[turn % steps.length];
    const began = performance.now();
    try {
      if (!connection || connection.destroyed) connection = await connect(server.url, NORMAL);
      const { status } = await request(connection, method, target, isSignIn ? { body: credentials } : { token });
      if (status !== 200) times.failed++;
      else (isSignIn ? times.signIns : times.requests).push(performance.now() - began);
    } catch {
      times.failed++;
      connection?.destroy();
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
  connection?.destroy();
  for (const list of [times.requests, times.signIns]) list.sort((a, b) => a - b);
  return times;
}

/** A line of the table: the normal client beside a crowd, each on a fresh server. */
async function row(name, crowd) {
  const normal = await begin();
  const stopped = crowd && (await crowd(normal.server.url));
  const { requests, signIns, failed } = await measure(normal, Date.now() + seconds * 1000);
  const told = (await stopped?.()) ?? '';
  await normal.server.stop();
  const cells = [
    name,
    ms(percentile(requests, 0.5)),
    ms(percentile(requests, 0.99)),
    ms(percentile(signIns, 0.5)),
    ms(percentile(signIns, 0.99)),
    `${failed} of ${requests.length + signIns.length + failed}`,
    told,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
