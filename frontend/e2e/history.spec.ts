// The history of the account in the settings, and what follows "This wasn't me" on a server without mail (with mail: recovery.spec.ts).
import type { APIRequestContext } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { type Person, heading } from './support/people.ts';
import { openSettings } from './support/account.ts';

const INTRUDER = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0';

test.describe('in a German browser', () => {
  test.use({ locale: 'de-DE' });

  test('an event has words, a device, an address and a time as the browser writes it', async ({ page, request }) => {
    const { owner, settings } = await openSettings(page, request);
    await signInElsewhere(request, owner);
    await request.post('/api/auth/sign-in/email', { data: { email: owner.email, password: 'not the password' } });
    await settings.open();
    const signedIn = settings.activity().filter({ hasText: 'Edge on Windows' });
    await expect(signedIn).toContainText(/Signed in.*Edge on Windows · 127\.0\.0\.1\s*\d{2}\.\d{2}\.\d{4}, \d{2}:\d{2}/);
    const at = await signedIn.getByRole('time').getAttribute('datetime');
    expect(Math.abs(Date.parse(at ?? '') - Date.now())).toBeLessThan(60_000);
    await expect(settings.activity().first()).toContainText('Sign-in failed: wrong password or code');
    const harmless = settings.activity().filter({ hasText: 'Account created' });
    await expect(harmless.getByRole('button')).toHaveCount(0);
  });
});

test('earlier events are added below, and the first of them has the focus', async ({ page, request }) => {
  const { settings } = await openSettings(page, request);
  await page.route('**/api/auth/activity?*', async (route) => {
    const { searchParams } = new URL(route.request().url());
    const [cursor, limit] = [searchParams.get('cursor'), searchParams.get('limit')];
    if (cursor === null) {
      const response = await route.fetch();
      const link = `</api/auth/activity?limit=${limit}&cursor=older>; rel="next"`;
      return route.fulfill({ response, headers: { ...response.headers(), link } });
    }
    expect([cursor, limit]).toEqual(['older', '20']);
    const event = { id: 'older', event: 'data_exported', createdAt: '2026-01-02T03:04:05Z', requestId: 'r' };
    return route.fulfill({ json: [{ ...event, ipAddress: null, userAgent: null }] });
  });
  await settings.open();
  const before = await settings.activity().count();
  await settings.button('Show earlier').press('Enter');
  await expect(settings.activity()).toHaveCount(before + 1);
  await expect(settings.activity().last()).toContainText('All data downloaded');
  await expect(settings.activity().last()).toContainText('Unknown device · Unknown address');
  await expect(settings.activity().last()).toBeFocused();
  await expect(settings.button('Show earlier')).toHaveCount(0);
});

test('“This wasn’t me” ends the other sessions and asks for a new password', async ({ page, request }) => {
  const { owner, settings } = await openSettings(page, request);
  const intruder = await signInElsewhere(request, owner);
  expect(await intruder()).toBe(200);
  await settings.open();
  const notMe = settings.activity().filter({ hasText: 'Edge on Windows' }).getByRole('button', { name: 'This wasn’t me' });
  await notMe.press('Enter');
  await page.keyboard.press('Escape');
  await expect(settings.dialog('Secure your account')).toBeHidden();
  await expect(notMe).toBeFocused();
  expect(await intruder()).toBe(200);

  await notMe.press('Enter');
  await expect(settings.dialog('Secure your account')).toContainText('All other devices are signed out');
  await page.keyboard.press('Enter');
  await expect(settings.section('Password').getByRole('alert')).toContainText('Choose a new password now');
  await expect(settings.field('Current password')).toBeFocused();
  expect(await intruder()).toBe(401);
  await expect(settings.devices()).toHaveCount(1);

  const password = 'staple after staple';
  await page.keyboard.type(owner.password);
  await settings.field('New password').fill(password);
  await page.keyboard.press('Enter');
  await settings.says(/^Your password is changed/);
  await expect(settings.section('Password').getByRole('alert')).toHaveCount(0);
  await page.goto('/tasks');
  await expect(heading(page, 'Tasks')).toBeVisible();
});

/** Signs in on another device. Returns a function that lists the tasks there. */
async function signInElsewhere(request: APIRequestContext, { email, password }: Person) {
  const data = { email, password };
  const answer = await request.post('/api/auth/sign-in/email', { data, headers: { 'User-Agent': INTRUDER } });
  const { token, user } = await answer.json();
  const headers = { Authorization: `Bearer ${token}` };
  return async () => (await request.get(`/api/${user.id}/tasks`, { headers })).status();
}
