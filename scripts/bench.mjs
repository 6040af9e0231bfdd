// Measures release builds with wrk and prints a Markdown table. `just bench` runs it; the one argument is the seconds per line.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const seconds = Number(process.argv[2] ?? 10);
const PEOPLE = 50;
const TASKS = 20;
const password = 'correct horse battery';
const folder = mkdtempSync(join(tmpdir(), 'docket-bench-'));
const run = promisify(execFile);
const servers = new Set();

async function start(binary, environment, ...args) {
  const server = spawn(binary, args, {
    env: { BIND: '127.0.0.1:0', ACCESS_TOKEN_TTL: '86400', RATE_LIMIT: 'off', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  servers.add(server);
  const url = await new Promise((resolve, reject) => {
    let log = '';
    const read = (chunk) => {
      log += chunk;
      const found = /listening on \w+:\/\/([\w.:]+)/.exec(log);
      if (found) resolve(`http://${found[1]}`);
    };
    server.stdout.on('data', read);
    server.stderr.on('data', read);
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`${binary} ended with ${code}:\n${log}`)));
  });
  const stop = async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
    servers.delete(server);
  };
  const megabytes = () => Math.round(execFileSync('ps', ['-o', 'rss=', '-p', server.pid]) / 1024);
  return { url, stop, megabytes };
}

async function post(url, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** People with twenty tasks each. */
async function seed(url) {
  const people = [];
  for (let number = 0; number < PEOPLE; number++) {
    const account = { name: 'Owner', email: `owner-${number}@example.com`, password };
    const { token, user } = await post(`${url}/api/auth/sign-up/email`, account);
    const tasks = [];
    for (let task = 1; task <= TASKS; task++) {
      const draft = { title: `Task ${task} of twenty`, description: 'With a line of description.', due_date: '2031-03-09' };
      tasks.push((await post(`${url}/api/${user.id}/tasks`, draft, token)).id);
    }
    people.push({ path: `/api/${user.id}/tasks`, token, task: tasks[0] });
  }
  return people;
}

/** Runs wrk over `lines` ("path token") and returns what scripts/bench.lua reports. */
async function load(url, { name, method, lines, body, connections }) {
  const targets = join(folder, name);
  writeFileSync(targets, lines.join('\n') + '\n');
  const options = ['--threads', '1', '--connections', connections, '--duration', `${seconds}s`, '--timeout', '10s'];
  const env = { PATH: process.env.PATH, TARGETS: targets, METHOD: method, ...(body && { BODY: JSON.stringify(body) }) };
  const { stdout } = await run('wrk', [...options, '--script', 'scripts/bench.lua', url], { env });
  const result = JSON.parse(/^RESULT (.*)$/m.exec(stdout)[1]);
  if (result.failed > 0) console.error(`${result.failed} requests failed: ${method} ${lines[0].split(' ')[0]}`);
  return result;
}

function operations(people) {
  const lines = (path) => people.map((person) => `${path(person)} ${person.token}`);
  const signIn = { email: 'owner-0@example.com', password };
  const one = ({ path, task }) => `${path}/${task}`;
  return [
    { name: `List of ${TASKS}`, method: 'GET', lines: lines(({ path }) => path), connections: 64 },
    { name: 'Get one', method: 'GET', lines: lines(one), connections: 64 },
    { name: 'Toggle', method: 'PATCH', lines: lines((person) => `${one(person)}/complete`), connections: 64 },
    { name: 'Create', method: 'POST', lines: lines(({ path }) => path), body: { title: 'One more' }, connections: 64 },
    { name: 'Sign in', method: 'POST', lines: ['/api/auth/sign-in/email'], body: signIn, connections: 4 },
  ];
}

const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;

function row(name, database, { perSecond, p50, p95, p99 }, megabytes) {
  const cells = [name, database, Math.round(perSecond).toLocaleString('en'), ms(p50), ms(p95), ms(p99), `${megabytes} MB`];
  console.log(`| ${cells.join(' | ')} |`);
}

/** The list of one person, answered by the framework alone. */
async function measureCeiling(url, [{ path, token }]) {
  const answer = await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${token}` } });
  const file = join(folder, 'list.json');
  writeFileSync(file, await answer.text());
  const ceiling = await start('target/release/examples/ceiling', {}, file);
  const list = { name: 'Ceiling', method: 'GET', lines: ['/bench/ceiling'], connections: 64 };
  row(`Ceiling: the bytes of a list of ${TASKS} from memory`, 'none', await load(ceiling.url, list), ceiling.megabytes());
  await ceiling.stop();
}

/** Reading a list must stay quick while many passwords are hashed. */
async function measureCrowd(server, database, all) {
  const [list] = all;
  const signIn = all.at(-1);
  const crowd = load(server.url, { ...signIn, connections: 50 });
  const result = await load(server.url, { ...list, connections: 4 });
  await crowd;
  row(`${list.name} while 50 clients sign in`, database, result, server.megabytes());
}

async function measure(database, environment, before = async () => {}) {
  const server = await start('target/release/docket', environment);
  const people = await seed(server.url);
  await before(server.url, people);
  const all = operations(people);
  for (const operation of all) {
    row(operation.name, database, await load(server.url, operation), server.megabytes());
  }
  await measureCrowd(server, database, all);
  await server.stop();
}

try {
  const { model } = cpus()[0];
  console.log(`${cpus().length} cores (${model.trim()}), shared by wrk, the server and the database; ${seconds} s a line.\n`);
  console.log('| Operation | Database | Requests/s | p50 | p95 | p99 | Memory |');
  console.log('|---|---|--:|--:|--:|--:|--:|');
  await measure('SQLite', { DATABASE_URL: `sqlite://${join(folder, 'docket.db')}` }, measureCeiling);
  await measure('PostgreSQL', {
    DATABASE_URL: process.env.DOCKET_TEST_POSTGRES,
    BETTER_AUTH_SECRET: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'),
  });
} finally {
  for (const server of servers) server.kill('SIGKILL');
  rmSync(folder, { recursive: true });
}
