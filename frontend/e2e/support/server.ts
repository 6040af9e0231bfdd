// Starts the server on a free port with a database of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Server {
  url: string;
  stop(): Promise<void>;
}

/** `settings` are environment variables of the server, as in the README. */
export async function startServer(settings: Record<string, string> = {}): Promise<Server> {
  const binary = process.env.DOCKET_BIN;
  if (!binary) throw new Error('DOCKET_BIN must be the path of the server; `just e2e` sets it.');
  const folder = await mkdtemp(join(tmpdir(), 'docket-e2e-'));
  const server = spawn(binary, {
    env: {
      // Where an instrumented server writes its coverage. The server gets nothing else of this environment.
      LLVM_PROFILE_FILE: process.env.LLVM_PROFILE_FILE,
      DATABASE_URL: `sqlite://${join(folder, 'docket.db')}`,
      BIND: '127.0.0.1:0',
      // All tests come from one address.
      RATE_LIMIT: 'off',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  return {
    url: await address(server),
    async stop() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

/** The address in the line that the server logs when it is ready. */
function address(server: ChildProcess): Promise<string> {
  let log = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      log += chunk.toString();
      const address = /listening on \w+:\/\/([\w.:]+)/.exec(log)?.[1];
      if (address) resolve(`http://${address}`);
    };
    server.stdout?.on('data', read);
    server.stderr?.on('data', read);
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`The server ended with ${code}:\n${log}`)));
  });
}
