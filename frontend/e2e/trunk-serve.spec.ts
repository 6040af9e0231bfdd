// What `just dev` serves: the client from Trunk and the API from the server, so that requests are cross-origin. Both on free ports.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { expect, test as base } from './support/test.ts';
import { fillSignUp, newPerson, signOut } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';
import { SettingsScreen } from './support/account.ts';
import { startServer } from './support/server.ts';

/** A free port, for a program that cannot report a port that the system chose. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createServer().once('error', reject);
    socket.listen(0, 'localhost', () => {
      const address = socket.address();
      socket.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

const test = base.extend<{}, { client: string }>({
  client: [
    async ({}, use) => {
      await use(`http://localhost:${await freePort()}`);
    },
    { scope: 'worker' },
  ],
  server: [
    async ({ client }, use) => {
      const server = await startServer({ CORS_ORIGINS: client, ACCESS_TOKEN_TTL: '1' });
      const { port } = new URL(server.url);
      const trunk = spawn('trunk', ['serve', '--dist', 'target/e2e-dist', '--port', new URL(client).port], {
        cwd: '..',
        env: { ...process.env, DOCKET_API: `http://localhost:${port}` },
        stdio: 'inherit',
      });
      const ended = new Promise((resolve) => trunk.once('exit', resolve));
      await expect.poll(() => fetch(client).then((answer) => answer.ok, () => false), { timeout: 600_000 }).toBe(true);
      await use(server);
      trunk.kill('SIGTERM');
      await ended;
      await server.stop();
    },
    { scope: 'worker', timeout: 600_000 },
  ],
  baseURL: async ({ client }, use) => use(client),
});

test('the client uses the API and refreshes its token across origins', async ({ page, server: _ }) => {
  let refreshes = 0;
  page.on('response', (answer) => {
    if (answer.url().endsWith('/api/auth/refresh') && answer.ok()) refreshes++;
  });
  const person = newPerson();
  const tasks = new TaskScreen(page);
  await page.goto('/signup');
  await fillSignUp(page, person);
  await tasks.add('Water the plants');
  await tasks.box('Water the plants').check();
  // At some reload the token has expired.
  await expect(async () => {
    await page.reload();
    await expect(tasks.box('Water the plants')).toBeChecked();
    expect(refreshes).toBeGreaterThan(0);
  }).toPass();
  await new SettingsScreen(page).open();
  await page.getByRole('link', { name: 'Your tasks' }).click();
  await signOut(page);
});
