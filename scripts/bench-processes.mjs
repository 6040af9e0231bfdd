// The processes of the benchmark: servers, and wrk against them. None outlives the benchmark, whichever way it ends.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

/** For databases and other files; removed at the end. */
export const folder = mkdtempSync(join(tmpdir(), 'docket-bench-'));
const run = promisify(execFile);
const children = new Set();
let servers = 0;

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** Ends `child` with this process. */
export function watch(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** Starts a server and waits until its address is in its log, which is a file, as it is in production. */
export async function start(binary, environment, ...args) {
  const log = join(folder, `server-${++servers}.log`);
  const file = openSync(log, 'w');
  const server = spawn(binary, args, { cwd: folder, env: environment, stdio: ['ignore', file, file] });
  closeSync(file);
  watch(server);
  let failure;
  server.once('error', (error) => (failure = error));
  server.once('exit', (code) => (failure = new Error(`${binary} ended with ${code}:\n${readFileSync(log, 'utf8')}`)));
  let url;
  while (!url) {
    if (failure) throw failure;
    await setTimeout(20);
    url = /(?:listening on|Server started at) (http:\/\/[\w.:]+)/.exec(readFileSync(log, 'utf8'))?.[1];
  }
  const stop = async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  };
  const megabytes = () => Math.round(execFileSync('ps', ['-o', 'rss=', '-p', server.pid]) / 1024);
  return { url, stop, megabytes };
}

/** A port for servers that cannot pick one themselves. */
export async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

export async function send(method, url, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/**
 * Runs wrk over `lines` ("path token body") and returns what bench.lua reports. With `once`, it is an error to come to
 * the end of the lines, because the server could answer a repeated line from its cache.
 */
export async function load(url, seconds, { name, method, lines, connections, once = false }) {
  const targets = join(folder, name);
  writeFileSync(targets, lines.join('\n') + '\n');
  const options = ['--threads', '1', '--connections', connections, '--duration', `${seconds}s`, '--timeout', '10s'];
  const env = { PATH: process.env.PATH, TARGETS: targets, METHOD: method };
  const wrk = run('wrk', [...options, '--script', join(import.meta.dirname, 'bench.lua'), url], { env });
  watch(wrk.child);
  const { stdout } = await wrk;
  rmSync(targets);
  const result = JSON.parse(/^RESULT (.*)$/m.exec(stdout)[1]);
  if (result.failed > 0) console.error(`${result.failed} requests failed: ${name}`);
  if (once && result.requests > lines.length) {
    throw new Error(`${name}: ${result.requests} requests need more than ${lines.length} lines. Prepare more in bench.mjs.`);
  }
  return result;
}
