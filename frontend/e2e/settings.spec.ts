import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { addTasks, alert, fillSignIn, heading, member, newPerson, signIn, stored } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';
import { openSettings, SettingsScreen } from './support/account.ts';

test('a new name is shown everywhere', async ({ page, request }) => {
  const settings = new SettingsScreen(page);
  await signIn(page, await member(request));
  await page.getByRole('link', { name: 'Settings of Owner' }).click();
  await expect(page).toHaveURL('/settings');
  await expect(page).toHaveTitle(/settings/i);
  await expect(settings.field('Name')).toHaveValue('Owner');
  await settings.field('Name').fill('Other');
  await settings.button('Save name').click();
  await settings.says('Your name is saved');
  await expect(settings.activity().filter({ hasText: 'Account created' })).toHaveCount(1);
  await expect(settings.activity().filter({ hasText: 'Name changed' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Your tasks' }).click();
  await expect(page.getByRole('link', { name: 'Settings of Other' })).toBeVisible();
});

test('a changed e-mail address signs in', async ({ page, request }) => {
  const owner = await member(request);
  const other = await member(request);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await settings.open();
  await settings.field('New e-mail').fill(other.email);
  await settings.button('Change e-mail').click();
  await expect(settings.field('New e-mail')).toHaveAttribute('aria-invalid', 'true');
  await expect(settings.field('New e-mail')).toHaveAccessibleDescription(/\w/);
  const { email } = newPerson();
  await settings.field('New e-mail').fill(email);
  await settings.button('Change e-mail').click();
  await settings.says('Your e-mail address is changed');
  await expect(settings.section('E-mail')).toContainText(email);
  await page.goto('/tasks');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(page, { ...owner, email });
});

test('a changed password signs in, and the other devices are signed out', async ({ page, browser, baseURL, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  const elsewhere = await browser.newPage({ baseURL });
  await signIn(elsewhere, owner);
  await signIn(page, owner);
  await settings.open();
  const password = 'staple after staple';
  await settings.field('Current password').fill('not the password');
  await settings.field('New password').fill(password);
  await settings.button('Change password').click();
  await expect(settings.field('Current password')).toHaveAttribute('aria-invalid', 'true');
  await settings.field('Current password').fill(owner.password);
  await settings.field('New password').fill(owner.email);
  await settings.button('Change password').click();
  await expect(settings.field('New password')).toHaveAccessibleDescription(/your e-mail address/);
  await settings.field('New password').fill(password);
  await settings.button('Change password').click();
  await settings.says(/^Your password is changed/);
  await expect(settings.devices()).toHaveCount(1);
  await expect(settings.field('Current password')).toHaveValue('');
  await page.goto('/tasks');
  await expect(heading(page, 'Tasks')).toBeVisible();
  await elsewhere.reload();
  await expect(elsewhere).toHaveURL(/\/login/);
  await fillSignIn(elsewhere, owner);
  await expect(alert(elsewhere)).toBeVisible();
  await signIn(elsewhere, { ...owner, password });
  await elsewhere.close();
});

test('a changed password keeps all tabs of this browser signed in and invalidates a stolen cookie', async ({
  page,
  context,
  baseURL,
  request,
}) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  const other = await context.newPage();
  const there = new TaskScreen(other);
  await other.goto('/tasks');
  await expect(there.heading()).toBeVisible();
  await settings.open();
  const cookies = await context.cookies(`${baseURL}/api/auth`);
  const stolen = cookies.find(({ name }) => name === 'docket_refresh')!;
  const refused: string[] = [];
  other.on('response', (response) => {
    if (response.url().endsWith('/api/auth/refresh') && !response.ok()) refused.push(response.url());
  });

  // The other tab sends a request after the server has changed the password and before this tab has the response.
  let respond!: () => void;
  const responded = new Promise<void>((resolve) => (respond = resolve));
  await page.route('**/api/auth/change-password', async (route) => {
    const answer = await route.fetch();
    // The browser does not have the new cookie yet.
    await context.addCookies([stolen]);
    const unauthenticated = other.waitForResponse((response) => response.status() === 401);
    await there.add('Written meanwhile');
    await unauthenticated;
    await route.fulfill({ response: answer });
    respond();
  });
  await settings.field('Current password').fill(owner.password);
  await settings.field('New password').fill('staple after staple');
  await settings.button('Change password').click();
  await responded;
  await settings.says(/^Your password is changed/);
  await expect.poll(async () => (await stored(request, { ...owner, token: await tokenOf(page) })).length).toBe(1);
  // It may refresh, as the lock can reach it before the new session in local storage does; but never with the old cookie.
  expect(refused).toEqual([]);
  await other.reload();
  await there.shows(['Written meanwhile']);
  await page.reload();
  await expect(settings.devices()).toHaveCount(1);
  await expect(settings.devices()).toContainText('This device');

  const headers = { Cookie: `docket_refresh=${stolen.value}` };
  expect((await request.post('/api/auth/refresh', { data: {}, headers })).status()).toBe(401);
});

test('all data can be downloaded', async ({ page, request }) => {
  const owner = await member(request);
  await addTasks(request, owner, [{ title: 'Water the plants', completed: true }, { title: 'Post the letter' }]);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await settings.open();
  const downloading = page.waitForEvent('download');
  await settings.button('Download your data').click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('docket-export.json');
  const kept = JSON.parse(await readFile(await download.path(), 'utf8'));
  expect(kept.user).toMatchObject({ id: owner.id, email: owner.email });
  expect(kept.tasks).toMatchObject([{ title: 'Post the letter' }, { title: 'Water the plants', completed: true }]);
  expect(kept.sessions).toHaveLength(2);
  expect(kept.activity).not.toHaveLength(0);
  await settings.says('Your data is downloaded');
});

test('an account is deleted with all its data, after the password is entered', async ({ page, request }) => {
  const owner = await member(request);
  await addTasks(request, owner, [{ title: 'Water the plants' }]);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await settings.open();
  await settings.button('Delete account').click();
  const dialog = settings.dialog('Delete your account');
  await expect(dialog).toContainText('all your tasks');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog).toBeHidden();
  await settings.button('Delete account').click();
  await settings.enterPassword('Delete your account', 'not the password', 'Delete everything');
  await expect(dialog.getByLabel('Password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  await settings.enterPassword('Delete your account', owner.password, 'Delete everything');
  await expect(heading(page, 'Your account is deleted')).toBeVisible();
  const headers = { Authorization: `Bearer ${owner.token}` };
  expect((await request.get(`/api/${owner.id}/tasks`, { headers })).status()).toBe(401);
  await page.goto('/tasks');
  await expect(page).toHaveURL(/\/login/);
  await fillSignIn(page, owner);
  await expect(alert(page)).toBeVisible();
  // The address can be used again, and the new account is empty.
  const again = await (await request.post('/api/auth/sign-up/email', { data: { name: owner.name, email: owner.email, password: owner.password } })).json();
  const tasks = await request.get(`/api/${again.user.id}/tasks`, { headers: { Authorization: `Bearer ${again.token}` } });
  expect(await tasks.json()).toEqual([]);
});

test('a sensitive change after a while asks for the password again, and is then made', async ({ page, request }) => {
  const { owner, settings } = await openSettings(page, request);
  await needsPassword(page, '/api/auth/change-email');
  const { email } = newPerson();
  await settings.field('New e-mail').fill(email);
  await settings.button('Change e-mail').click();
  const dialog = settings.dialog('Enter your password again');
  await settings.enterPassword('Enter your password again', 'not the password', 'Continue');
  await expect(dialog.getByLabel('Password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  await settings.enterPassword('Enter your password again', owner.password, 'Continue');
  await settings.says('Your e-mail address is changed');
  await expect(dialog).toBeHidden();
  await expect(settings.section('E-mail')).toContainText(email);
});

test('cancelling the password dialog restores the focus', async ({ page, request }) => {
  const { settings } = await openSettings(page, request);
  await needsPassword(page, '/api/auth/export');
  await settings.button('Download your data').click();
  await expect(settings.dialog('Enter your password again').getByLabel('Password', { exact: true })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(settings.dialog('Enter your password again')).toBeHidden();
  await expect(settings.button('Download your data')).toBeFocused();
});

/** The access token in the browser's storage. */
function tokenOf(page: Page): Promise<string> {
  return page.evaluate(() => JSON.parse(localStorage.getItem('docket.session')!).token);
}

/** Lets the server refuse `path` as for a session without a recent authentication, until the password is verified. */
async function needsPassword(page: Page, path: string) {
  await page.route('**/api/auth/verify-password', async (route) => {
    const answer = await route.fetch();
    if (answer.ok()) await page.unroute(`**${path}`);
    await route.fulfill({ response: answer });
  });
  await page.route(`**${path}`, (route) => {
    const detail = 'This session proved its password too long ago.';
    const problem = { type: 'urn:docket:problem:session_not_fresh', title: 'Forbidden', status: 403, detail };
    const body = JSON.stringify({ ...problem, message: detail, code: 'SESSION_NOT_FRESH' });
    return route.fulfill({ status: 403, contentType: 'application/problem+json', body });
  });
}
