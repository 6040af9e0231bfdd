import { type Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { alert, fillSignIn, heading, member, signIn, signOut } from './support/people.ts';
import { SettingsScreen } from './support/account.ts';
import { appCode } from './support/totp.ts';

test('two-factor is set up with an app, whose code is required at the next sign-in', async ({ page, request }) => {
  const owner = await member(request);
  await signIn(page, owner);
  const { address, codes } = await setUp(page, owner.password);
  expect(codes).toHaveLength(10);
  await openTasksAndSignOut(page);

  await fillSignIn(page, owner);
  await expect(heading(page, 'Enter your code')).toBeVisible();
  const code = page.getByRole('textbox', { name: 'Code' });
  await code.fill('000000');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(alert(page).or(page.locator('[aria-invalid]'))).toBeVisible();
  // The current code was used for the set-up.
  await code.fill(appCode(address, 1));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(heading(page, 'Tasks')).toBeVisible();
});

test('a recovery code signs in once', async ({ page, request }) => {
  const owner = await member(request);
  await signIn(page, owner);
  const { codes } = await setUp(page, owner.password);
  await openTasksAndSignOut(page);
  await signInWithCode(page, owner, codes[0]!);
  await expect(heading(page, 'Tasks')).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signInWithCode(page, owner, codes[0]!);
  await expect(heading(page, 'Enter your code')).toBeVisible();
  await expect(alert(page).or(page.locator('[aria-invalid]'))).toBeVisible();
  await page.getByRole('textbox', { name: 'Code' }).fill(codes[1]!);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(heading(page, 'Tasks')).toBeVisible();
});

test('recovery codes are replaced, and two-factor is turned off, with a code', async ({ page, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  const section = settings.section('Two-factor');
  await signIn(page, owner);
  const { address, codes } = await setUp(page, owner.password);
  await settings.button('New recovery codes').click();
  const dialog = settings.dialog('New recovery codes');
  await settings.enterPassword('New recovery codes', owner.password, 'Create new codes', '');
  await expect(dialog.getByText('A code is required')).toBeVisible();
  await settings.enterPassword('New recovery codes', owner.password, 'Create new codes', '000000');
  await expect(dialog.getByText('This code is not right')).toBeVisible();
  // The current code was used for the set-up. The password is kept.
  await dialog.getByLabel('Code', { exact: true }).fill(appCode(address, 1));
  await dialog.getByRole('button', { name: 'Create new codes' }).click();
  await expect(section.getByRole('listitem')).toHaveCount(10);
  const replaced = await section.getByRole('listitem').allTextContents();
  expect(replaced).not.toEqual(codes);
  await settings.button('I have saved them').click();

  await settings.button('Turn off two-factor').click();
  await settings.enterPassword('Turn off two-factor', owner.password, 'Turn off', replaced[0]);
  await settings.says('Two-factor is off');
  await expect(section.getByText('Off', { exact: true })).toBeVisible();
  await openTasksAndSignOut(page);
  await signIn(page, owner);
});

test('an account with two-factor is deleted with a code', async ({ page, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  const { codes } = await setUp(page, owner.password);
  await settings.button('Delete account').click();
  await settings.enterPassword('Delete your account', owner.password, 'Delete everything', codes[0]);
  await expect(heading(page, 'Your account is deleted')).toBeVisible();
  await page.goto('/login');
  await fillSignIn(page, owner);
  await expect(alert(page)).toBeVisible();
});

/** Sets two-factor up. Returns the `otpauth` URL for the app, and the recovery codes. */
async function setUp(page: Page, password: string) {
  const settings = new SettingsScreen(page);
  const section = settings.section('Two-factor');
  await settings.open();
  await settings.button('Set up two-factor').click();
  await settings.enterPassword('Set up two-factor', password, 'Continue');
  await expect(section.getByRole('img', { name: 'QR code for your authenticator app' })).toBeVisible();
  const address = `otpauth://totp/Docket?secret=${await section.getByRole('code').textContent()}`;
  // A wrong code keeps the set-up.
  await settings.field('Code').fill('000000');
  await settings.button('Turn on two-factor').click();
  await expect(section.getByText('This code is not right')).toBeVisible();
  await settings.field('Code').fill(appCode(address));
  await settings.button('Turn on two-factor').click();
  const list = section.getByRole('list', { name: 'Recovery codes' });
  await expect(list.getByRole('listitem')).toHaveCount(10);
  const codes = await list.getByRole('listitem').allTextContents();
  const downloading = page.waitForEvent('download');
  await settings.button('Download codes').click();
  expect((await downloading).suggestedFilename()).toBe('docket-recovery-codes.txt');
  await settings.button('I have saved them').click();
  await expect(section.getByText('On', { exact: true })).toBeVisible();
  return { address, codes };
}

async function signInWithCode(page: Page, person: { email: string; password: string }, code: string) {
  await fillSignIn(page, person);
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function openTasksAndSignOut(page: Page) {
  await page.goto('/tasks');
  await signOut(page);
}
