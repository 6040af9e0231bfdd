import type { APIRequestContext } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { fillSignIn, member, signIn } from './support/people.ts';
import { openTasks, TaskScreen } from './support/screen.ts';
import { SettingsScreen } from './support/account.ts';

// Access tokens expire after a second.
test.use({ settings: { ACCESS_TOKEN_TTL: '1' } });

test('an expired access token is refreshed unnoticed', async ({ page, request }) => {
  const { owner, tasks } = await openTasks(page, request);
  await tokensExpire(request, owner);
  const refreshed = page.waitForResponse((answer) => answer.url().endsWith('/api/auth/refresh'));
  await tasks.add('Written late');
  expect((await refreshed).status()).toBe(200);
  await expect(tasks.heading()).toBeVisible();
  await page.reload();
  await tasks.shows(['Written late']);
  await expect(tasks.heading()).toBeVisible();
});

test('an ended session leads to /login, and a typed task is kept', async ({
  page,
  context,
  request,
}) => {
  const { owner, tasks } = await openTasks(page, request);
  await context.clearCookies();
  await tokensExpire(request, owner);
  await tasks.newTask().fill('Half a thought');
  await tasks.newTask().press('Enter');
  await expect(page).toHaveURL(/\/login/);
  await fillSignIn(page, owner);
  await expect(tasks.heading()).toBeVisible();
  await expect(tasks.box('Half a thought')).toBeVisible();
});

test('the settings refresh an expired access token too', async ({ page, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await tokensExpire(request, owner);
  await settings.open();
  await expect(settings.devices().filter({ hasText: 'This device' })).toHaveCount(1);
});

test('two tabs that refresh at the same time stay signed in', async ({ page, context, request }) => {
  const owner = await member(request);
  const other = await context.newPage();
  const [here, there] = [new TaskScreen(page), new TaskScreen(other)];
  await signIn(page, owner);
  await other.goto('/tasks');
  await expect(there.heading()).toBeVisible();
  await tokensExpire(request, owner);
  await Promise.all([here.add('Written here'), there.add('Written there')]);
  await Promise.all([page.reload(), other.reload()]);
  await Promise.all([expect(here.list().getByRole('listitem')).toHaveCount(2), expect(there.heading()).toBeVisible()]);

  // The client lets one tab refresh at a time. Without that lock nobody is signed out either.
  const refresh = async () => {
    const headers = { 'Content-Type': 'application/json' };
    return (await fetch('/api/auth/refresh', { method: 'POST', headers, body: '{}' })).status;
  };
  for (let round = 0; round < 20; round++) {
    expect(await Promise.all([page.evaluate(refresh), other.evaluate(refresh)]), `round ${round}`).toEqual([200, 200]);
  }
  await page.reload();
  await expect(here.heading()).toBeVisible();
});

/** Waits until all access tokens issued so far have expired. */
async function tokensExpire(request: APIRequestContext, person: { email: string; password: string }) {
  const { token, user } = await (
    await request.post('/api/auth/sign-in/email', { data: { email: person.email, password: person.password } })
  ).json();
  const headers = { Authorization: `Bearer ${token}` };
  await expect.poll(async () => (await request.get(`/api/${user.id}/tasks`, { headers })).status()).toBe(401);
}
