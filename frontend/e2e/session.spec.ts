import type { APIRequestContext } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { fillSignIn, member, signIn } from './support/people.ts';
import { SettingsScreen } from './support/account.ts';
import { TaskScreen } from './support/screen.ts';

// Tokens that live for a second, so that the tests see them end.
test.use({ settings: { ACCESS_TOKEN_TTL: '1' } });

test('an expired token is renewed without the person noticing', async ({ page, request }) => {
  const owner = await member(request);
  const tasks = new TaskScreen(page);
  await signIn(page, owner);
  await expired(request, owner);
  const renewed = page.waitForResponse((answer) => answer.url().endsWith('/api/auth/refresh'));
  await tasks.add('Written late');
  expect((await renewed).status()).toBe(200);
  await expect(tasks.heading()).toBeVisible();
  await page.reload();
  await tasks.shows(['Written late']);
  await expect(tasks.heading()).toBeVisible();
});

test('a session that has ended leads to /login, and what was typed is still there after it', async ({
  page,
  context,
  request,
}) => {
  const owner = await member(request);
  const tasks = new TaskScreen(page);
  await signIn(page, owner);
  await context.clearCookies();
  await expired(request, owner);
  await tasks.newTask().fill('Half a thought');
  await tasks.newTask().press('Enter');
  await expect(page).toHaveURL(/\/login/);
  await fillSignIn(page, owner);
  await expect(tasks.heading()).toBeVisible();
  await expect(tasks.box('Half a thought')).toBeVisible();
});

test('the settings renew an expired token as well', async ({ page, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await expired(request, owner);
  await settings.open();
  await expect(settings.devices().filter({ hasText: 'This device' })).toHaveCount(1);
});

test('two tabs that renew at the same moment stay signed in', async ({ page, context, request }) => {
  const owner = await member(request);
  const other = await context.newPage();
  const [here, there] = [new TaskScreen(page), new TaskScreen(other)];
  await signIn(page, owner);
  await other.goto('/tasks');
  await expect(there.heading()).toBeVisible();
  await expired(request, owner);
  await Promise.all([here.add('Written here'), there.add('Written there')]);
  await Promise.all([page.reload(), other.reload()]);
  await Promise.all([expect(here.list().getByRole('listitem')).toHaveCount(2), expect(there.heading()).toBeVisible()]);

  // The client lets one tab renew at a time; without that, too, nobody is signed out.
  const renew = async () => {
    const headers = { 'Content-Type': 'application/json' };
    return (await fetch('/api/auth/refresh', { method: 'POST', headers, body: '{}' })).status;
  };
  for (let round = 0; round < 20; round++) {
    expect(await Promise.all([page.evaluate(renew), other.evaluate(renew)]), `round ${round}`).toEqual([200, 200]);
  }
  await page.reload();
  await expect(here.heading()).toBeVisible();
});

/** Waits until the tokens of before this moment have ended. */
async function expired(request: APIRequestContext, person: { email: string; password: string }) {
  const { token, user } = await (
    await request.post('/api/auth/sign-in/email', { data: { email: person.email, password: person.password } })
  ).json();
  const headers = { Authorization: `Bearer ${token}` };
  await expect.poll(async () => (await request.get(`/api/${user.id}/tasks`, { headers })).status()).toBe(401);
}
