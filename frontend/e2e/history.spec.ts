// The history of the account in the settings, and what follows "This wasn't me" on a server without mail (with mail: recovery.spec.ts).
import type { APIRequestContext } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { type Person, heading } from './support/people.ts';
import { openSettings } from './support/account.ts';

const INTRUDER = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0';

/** Waits until that many failed sign-ins are in the history. They are recorded after the response. */
async function expectFailures(request: APIRequestContext, token: string, failures: number) {
  const recorded = async () => {
    const events = await (await request.get('/api/auth/activity', { headers: { Authorization: `Bearer ${token}` } })).json();
    return events.filter(({ event }: { event: string }) => event === 'sign_in_failed').length;
  };
  await expect.poll(recorded).toBe(failures);
}

test.describe('in a German browser', () => {
  test.use({ locale: 'de-DE' });

  test('an event has words, a device, an address and a time as the browser writes it', async ({ page, request }) => {
    const { owner, settings } = await openSettings(page, request);
    await signInElsewhere(request, owner);
    await request.post('/api/auth/sign-in/email', { data: { email: owner.email, password: 'not the password' } });
    await expectFailures(request, owner.token, 1);
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
  const { owner, settings } = await openSettings(page, request);
  const data = { email: owner.email, password: 'not the password' };
  for (let attempt = 0; attempt < 25; attempt++) await request.post('/api/auth/sign-in/email', { data });
  await expectFailures(request, owner.token, 25);
  await settings.open();
  await expect(settings.activity()).toHaveCount(20);
  await settings.button('Show earlier').press('Enter');
  await expect(settings.activity().filter({ hasText: 'Account created' })).toHaveCount(1);
  await expect(settings.activity().filter({ hasText: 'Sign-in failed' })).toHaveCount(25);
  await expect(settings.activity().nth(20)).toBeFocused();
  await expect(settings.activity().last()).toContainText('Account created');
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
