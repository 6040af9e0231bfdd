// What `just dev` serves: the client from Trunk on :8080, the API on :8000, so every call crosses origins.
import { spawn } from 'node:child_process';
import { expect, test as base } from './support/test.ts';
import { startServer } from './support/server.ts';
import { SettingsScreen } from './support/account.ts';
import { stranger } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';

const CLIENT = 'http://localhost:8080';

const test = base.extend<{}, { client: void }>({
  server: [
    async ({}, use) => {
      const server = await startServer({ BIND: '127.0.0.1:8000', ACCESS_TOKEN_TTL: '1' });
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  client: [
    async ({}, use) => {
      const trunk = spawn('trunk', ['serve', '--dist', 'target/dev-dist'], { cwd: '..', stdio: 'inherit' });
      const ended = new Promise((resolve) => trunk.once('exit', resolve));
      await expect.poll(() => fetch(CLIENT).then((answer) => answer.ok, () => false), { timeout: 600_000 }).toBe(true);
      await use();
      trunk.kill('SIGTERM');
      await ended;
    },
    { scope: 'worker', timeout: 600_000 },
  ],
  baseURL: async ({ client: _ }, use) => use(CLIENT),
});

test('the client talks to the API and renews its token across origins', async ({ page, server: _ }) => {
  let renewals = 0;
  page.on('response', (answer) => {
    if (answer.url().endsWith('/api/auth/refresh') && answer.ok()) renewals++;
  });
  const person = stranger();
  const tasks = new TaskScreen(page);
  await page.goto('/signup');
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await tasks.add('Water the plants');
  await tasks.box('Water the plants').check();
  // Sooner or later a reload finds the token expired.
  await expect(async () => {
    await page.reload();
    await expect(tasks.box('Water the plants')).toBeChecked();
    expect(renewals).toBeGreaterThan(0);
  }).toPass();
  await new SettingsScreen(page).open();
  await page.getByRole('link', { name: 'Your tasks' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
});
