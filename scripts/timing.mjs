// Measures whether the time of a request, or of the next write, reveals that an address has an account, and prints a Markdown table.
// `just timing` runs it: `just timing [SAMPLES]`. An AUC of 0.5 means that the times do not tell; 1 or 0 that they always do.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

import { folder, send, start } from './bench-processes.mjs';

const samples = Number(process.argv[2] ?? 500);
if (!Number.isInteger(samples) || samples < 1) throw new Error('The first argument is the samples of each case, such as 500.');

const password = 'correct horse battery';
const known = 'owner@example.com';
const unknown = () => `${randomUUID()}@example.com`;
/** The path and the body of each request, for an address. The sign-up is the last one, because it leaves a pending sign-up. */
const requests = {
  'Verification mail': (email) => ['send-verification-email', { email }],
  'Password reset': (email) => ['request-password-reset', { email }],
  'Failed sign-in': (email) => ['sign-in/email', { email, password: 'wrong horse battery' }],
  'Sign-up': (email) => ['sign-up/email', { name: 'Somebody', email, password }],
};

/** A mail server that accepts everything. Returns its port. */
async function mailServer() {
  const server = createServer((socket) => {
    let inData = false;
    let rest = '';
    socket.on('error', () => {});
    socket.write('220 sink\r\n');
    socket.on('data', (data) => {
      const lines = (rest + data).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (inData && line !== '.') continue;
        inData = line === 'DATA';
        socket.write(inData ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return server.address().port;
}

/** The probability that a value of `one` is larger than one of `two`. */
function auc(one, two) {
  let larger = 0;
  for (const a of one) for (const b of two) larger += a > b ? 1 : a === b ? 0.5 : 0;
  return larger / (one.length * two.length);
}

async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The times of a request for each kind of address, and of a write of somebody else right after it. */
async function measure(url, prober, request) {
  const times = { known: { request: [], next: [] }, unknown: { request: [], next: [] } };
  const cases = Array.from({ length: 2 * samples }, (_, number) => (number % 2 ? 'known' : 'unknown'));
  cases.sort(() => Math.random() - 0.5);
  for (const kind of cases) {
    const [path, body] = request(kind === 'known' ? known : unknown());
    const headers = { 'Content-Type': 'application/json' };
    const asked = () => fetch(`${url}/api/auth/${path}`, { method: 'POST', headers, body: JSON.stringify(body) }).then((answer) => answer.text());
    times[kind].request.push(await timed(asked));
    const write = () => send('POST', `${url}/api/${prober.user.id}/tasks`, { title: 'A write' }, prober.token);
    times[kind].next.push(await timed(write));
  }
  return times;
}

async function rows(name, database) {
  const environment = {
    DATABASE_URL: database,
    BETTER_AUTH_SECRET: randomUUID() + randomUUID(),
    BIND: '127.0.0.1:0',
    RATE_LIMIT: 'off',
    LOG: 'warn,docket=info',
  };
  const binary = resolve('target/release/docket');
  const port = await mailServer();
  // Without mail, a sign-up is answered with a session.
  const first = await start(binary, environment);
  await send('POST', `${first.url}/api/auth/sign-up/email`, { name: 'Owner', email: known, password });
  const prober = await send('POST', `${first.url}/api/auth/sign-up/email`, { name: 'Prober', email: 'prober@example.com', password });
  await first.stop();
  const mail = { SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: 'docket@example.com', BETTER_AUTH_URL: 'http://localhost:8000' };
  const server = await start(binary, { ...environment, ...mail });
  for (const [label, request] of Object.entries(requests)) {
    const { known, unknown } = await measure(server.url, prober, request);
    const figures = ['request', 'next'].map((which) => auc(known[which], unknown[which]).toFixed(2));
    console.log(`| ${name} | ${label} | ${figures.join(' | ')} |`);
  }
  await server.stop();
}

console.log('| Database | Request | AUC of its own time | AUC of the next write |\n|---|---|---|---|');
await rows('SQLite', `sqlite://${join(folder, 'timing.db')}`);
await rows('PostgreSQL', process.env.DOCKET_TEST_POSTGRES);
