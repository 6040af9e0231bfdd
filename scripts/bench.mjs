// Measures release builds with wrk and prints a Markdown table. `just bench` runs it: `just bench [SECONDS PER LINE] [--peers]`.
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { seedPocketBase, startPocketBase } from './bench-pocketbase.mjs';
import { folder, load, send, start } from './bench-processes.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { peers: { type: 'boolean' } } });
const seconds = Number(positionals[0] ?? 10);
if (!Number.isInteger(seconds) || seconds < 1) throw new Error('The first argument is the seconds per line, such as 10.');

const PEOPLE = 50;
const TASKS = 20;
/** More than a server answers. Each must be another request. */
const UNCACHED_PER_SECOND = 20_000;
const password = 'correct horse battery';
const accounts = Array.from({ length: PEOPLE }, (_, number) => ({
  name: 'Owner',
  email: `owner-${number}@example.com`,
  password,
}));
const tasks = Array.from({ length: TASKS }, (_, number) => ({
  title: `Task ${number + 1} of twenty`,
  description: 'With a line of description.',
  due_date: '2031-03-09',
}));

/** Makes an account with `TASKS` tasks. */
async function seed(url, account) {
  const { token, user } = await send('POST', `${url}/api/auth/sign-up/email`, account);
  const path = `/api/${user.id}/tasks`;
  const ids = [];
  for (const task of tasks) ids.push((await send('POST', `${url}${path}`, task, token)).id);
  return { path, list: `${path}?limit=${TASKS}`, token, task: `${path}/${ids[0]}` };
}

/** The same list as `list`, by an address that is new each time, so that no answer to it is in the server's cache. */
function uncached({ list, token }) {
  const position = { key: { Created: '9999-12-31T23:59:59Z' }, id: randomUUID() };
  const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');
  return `${list}&cursor=${cursor} ${token}`;
}

function operations(people) {
  const lines = (path) => people.map((person) => `${path(person)} ${person.token}`);
  const asked = Array.from({ length: seconds * UNCACHED_PER_SECOND }, (_, turn) => people[turn % PEOPLE]);
  const create = ({ path, token }) => `${path} ${token} ${JSON.stringify({ title: 'One more' })}`;
  // Each account in turn, because few requests for one account may wait.
  const signIn = ({ email, password }) => `/api/auth/sign-in/email  ${JSON.stringify({ email, password })}`;
  const list = { name: `List of ${TASKS}, cached`, method: 'GET', lines: lines(({ list }) => list), connections: 64 };
  return [
    list,
    { ...list, name: `List of ${TASKS}, uncached`, lines: asked.map(uncached), once: true },
    { name: 'Get one, cached', method: 'GET', lines: lines(({ task }) => task), connections: 64 },
    { name: 'Toggle', method: 'PATCH', lines: lines(({ task }) => `${task}/complete`), connections: 64 },
    { name: 'Create', method: 'POST', lines: people.map(create), connections: 64 },
    { name: 'Sign in', method: 'POST', lines: accounts.map(signIn), connections: 4 },
  ];
}

const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
let ceiling;

function row(name, database, { perSecond, p50, p95, p99 }, megabytes) {
  ceiling ??= perSecond;
  const rate = Math.round(perSecond).toLocaleString('en');
  const cells = [name, database, rate, (perSecond / ceiling).toPrecision(2), ms(p50), ms(p95), ms(p99), `${megabytes} MB`];
  console.log(`| ${cells.join(' | ')} |`);
}

/** The list of one person, answered by the framework alone. */
async function measureCeiling(url, [{ list, token }]) {
  const answer = await fetch(`${url}${list}`, { headers: { Authorization: `Bearer ${token}` } });
  const file = join(folder, 'list.json');
  writeFileSync(file, await answer.text());
  const server = await start(resolve('target/release/examples/ceiling'), { BIND: '127.0.0.1:0' }, file);
  const request = { name: 'Ceiling', method: 'GET', lines: ['/bench/ceiling'], connections: 64 };
  const result = await load(server.url, seconds, request);
  row(`Ceiling: the bytes of a list of ${TASKS} from memory`, 'none', result, server.megabytes());
  await server.stop();
}

/** Reading a list must stay quick while many passwords are hashed. */
async function measureCrowd(server, database, all) {
  const [list] = all;
  const signIn = all.at(-1);
  const crowd = load(server.url, seconds, { ...signIn, connections: 50 });
  const result = await load(server.url, seconds, { ...list, connections: 4 });
  await crowd;
  row(`${list.name}, while 50 clients sign in`, database, result, server.megabytes());
}

/** A server without its request log, as PocketBase and the ceiling have none. */
function startDocket(environment) {
  const settings = { BIND: '127.0.0.1:0', ACCESS_TOKEN_TTL: '86400', RATE_LIMIT: 'off', LOG: 'info,docket::request=error' };
  return start(resolve('target/release/docket'), { ...settings, ...environment });
}

/** The same list with the request log, which is on by default. */
async function measureRequestLog(database, environment, [list]) {
  const server = await startDocket({ ...environment, LOG: 'info' });
  row(`${list.name}, with the request log`, database, await load(server.url, seconds, list), server.megabytes());
  await server.stop();
}

async function measure(database, environment, before = async () => {}) {
  const server = await startDocket(environment);
  const people = [];
  for (const account of accounts) people.push(await seed(server.url, account));
  await before(server.url, people);
  const all = operations(people);
  for (const operation of all) {
    row(operation.name, database, await load(server.url, seconds, operation), server.megabytes());
  }
  await measureCrowd(server, database, all);
  await server.stop();
  await measureRequestLog(database, environment, all);
}

async function measurePocketBase() {
  const server = await startPocketBase();
  const people = [];
  for (const account of accounts) people.push(await seedPocketBase(server.url, account, tasks));
  const rows = [
    { name: `PocketBase: list of ${TASKS}`, method: 'GET', lines: people.map(({ list }) => list), connections: 64 },
    { name: 'PocketBase: create', method: 'POST', lines: people.map(({ create }) => create), connections: 64 },
  ];
  for (const request of rows) row(request.name, 'SQLite', await load(server.url, seconds, request), server.megabytes());
  await server.stop();
}

const { model } = cpus()[0];
console.log(`${cpus().length} cores (${model.trim()}), shared by wrk, the server and the database; ${seconds} s a line.\n`);
console.log('| Operation | Database | Requests/s | Of the ceiling | p50 | p95 | p99 | Memory |');
console.log('|---|---|--:|--:|--:|--:|--:|--:|');
await measure('SQLite', { DATABASE_URL: `sqlite://${join(folder, 'docket.db')}` }, measureCeiling);
await measure('PostgreSQL', {
  DATABASE_URL: process.env.DOCKET_TEST_POSTGRES,
  BETTER_AUTH_SECRET: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'),
});
if (values.peers) await measurePocketBase();
