import type { APIRequestContext } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { type Person, member, signIn } from './support/people.ts';
import { SettingsScreen } from './support/account.ts';

const WINDOWS =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0';
const PHONE = 'Mozilla/5.0 (Android 15; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0';

test('one other device is signed out', async ({ page, request }) => {
  const owner = await member(request);
  const desktop = await device(request, owner, WINDOWS);
  const phone = await device(request, owner, PHONE);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await settings.open();
  const here = settings.devices().filter({ hasText: 'This device' });
  await expect(here).toHaveCount(1);
  await expect(here).toContainText(/Chrome on .*127\.0\.0\.1/);
  await expect(here.getByRole('button')).toHaveCount(0);
  await expect(settings.devices().filter({ hasText: 'Edge on Windows' })).toContainText('Last seen');
  await settings.button('Sign out Firefox on Android').click();
  await settings.says('The device is signed out');
  await expect(settings.devices().filter({ hasText: 'Firefox on Android' })).toHaveCount(0);
  await expect(settings.activity().first()).toContainText('One device was signed out');
  expect(await phone()).toBe(401);
  expect(await desktop()).toBe(200);
});

test('all other devices are signed out, and this one stays', async ({ page, request }) => {
  const owner = await member(request);
  const desktop = await device(request, owner, WINDOWS);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await settings.open();
  await settings.button('Sign out all other devices').click();
  await settings.says('All other devices are signed out');
  await expect(settings.devices()).toHaveCount(1);
  await expect(settings.devices()).toContainText('This device');
  await expect(settings.button('Sign out all other devices')).toBeHidden();
  expect(await desktop()).toBe(401);
  await page.reload();
  await expect(settings.devices()).toHaveCount(1);
});

test('a device that was signed out elsewhere is redirected to /login', async ({ page, browser, baseURL, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  const elsewhere = await browser.newPage({ baseURL });
  await signIn(elsewhere, owner);
  await signIn(page, owner);
  await settings.open();
  await settings.button('Sign out all other devices').click();
  await settings.says('All other devices are signed out');
  await elsewhere.goto('/settings');
  await expect(elsewhere).toHaveURL(/\/login/);
  await elsewhere.close();
});

/** Signs in on another device. Returns a function that lists the tasks there. */
async function device(request: APIRequestContext, { email, password }: Person, agent: string) {
  const data = { email, password };
  const answer = await request.post('/api/auth/sign-in/email', { data, headers: { 'User-Agent': agent } });
  const { token, user } = await answer.json();
  const headers = { Authorization: `Bearer ${token}` };
  return async () => (await request.get(`/api/${user.id}/tasks`, { headers })).status();
}
