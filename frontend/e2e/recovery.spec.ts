import type { Page } from '@playwright/test';
import { test as base, expect } from './support/test.ts';
import { type Person, alert, fillSignIn, fillSignUp, heading, newPerson, signIn } from './support/people.ts';
import { SettingsScreen } from './support/account.ts';
import { Mailbox } from './support/mailbox.ts';

interface Post {
  mailbox: Mailbox;
  smtpUrl: string;
}

// The server sends its mail to the worker's mailbox.
const test = base.extend<object, Post>({
  mailbox: [async ({}, use) => use(new Mailbox()), { scope: 'worker' }],
  smtpUrl: [
    async ({ mailbox }, use) => {
      await use(await mailbox.open());
      await mailbox.close();
    },
    { scope: 'worker' },
  ],
  settings: [
    async ({ smtpUrl }, use) => use({ SMTP_URL: smtpUrl, MAIL_FROM: 'Docket <docket@example.com>', BETTER_AUTH_URL: 'http://localhost:8000' }),
    { scope: 'worker' },
  ],
});

test('a new account works once its address is confirmed', async ({ page, mailbox }) => {
  const person = newPerson();
  await signUp(page, person);
  await expect(page.getByRole('main')).toContainText(person.email);
  await page.getByRole('link', { name: 'Go to sign in' }).click();
  await fillSignIn(page, person);
  await expect(alert(page)).toBeVisible();
  await expect(page).toHaveURL(/\/login/);
  const link = await mailbox.link(person.email, /Confirm/);
  await page.goto(link);
  const password = page.getByLabel('Password', { exact: true });
  await password.fill('not the password');
  await page.getByRole('button', { name: 'Confirm', exact: true }).click();
  await expect(password).toHaveAccessibleDescription(/not the password/);
  await password.fill(person.password);
  await password.press('Enter');
  // Confirming also signs in.
  await expect(page).toHaveURL(/\/tasks/);
  await page.goto(link);
  await password.fill(person.password);
  await password.press('Enter');
  await expect(alert(page)).toBeVisible();
  await new SettingsScreen(page).open();
  await expect(page.getByRole('region', { name: 'E-mail' }).getByText('Confirmed', { exact: true })).toBeVisible();
});

test('the owner of an address replaces the password that somebody else has signed up with', async ({ page, mailbox }) => {
  const stranger = newPerson();
  await signUp(page, stranger);
  await page.goto(await mailbox.link(stranger.email, /Confirm/));
  await page.getByRole('button', { name: 'You did not choose a password? Set a new one' }).click();
  const password = 'staple after staple';
  await page.getByLabel('New password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Confirm', exact: true }).click();
  await expect(page).toHaveURL(/\/tasks/);
  const refused = await page.request.post('/api/auth/sign-in/email', { data: stranger });
  expect(refused.status()).toBe(422);
});

test('only the owner of an address learns that it has an account', async ({ page, mailbox }) => {
  const person = await confirmed(page, mailbox);
  await page.goto('/');
  await signUp(page, { ...newPerson(), email: person.email });
  await expect.poll(() => mailbox.to(person.email).length).toBe(2);
  expect(mailbox.to(person.email).at(-1)?.subject).toBe('You have an account already');
});

test('a forgotten password is replaced by a link that works once', async ({ page, browser, baseURL, mailbox }) => {
  const person = await confirmed(page, mailbox);
  await signIn(page, person);
  const elsewhere = await browser.newPage({ baseURL });
  await elsewhere.goto('/login');
  await elsewhere.getByRole('link', { name: 'Forgot your password?' }).click();
  await elsewhere.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await elsewhere.getByRole('button', { name: 'Send link' }).click();
  await expect(heading(elsewhere, 'Check your e-mail')).toBeVisible();
  const link = await mailbox.link(person.email, /new password/);
  await elsewhere.goto(link);
  const password = 'staple after staple';
  await elsewhere.getByLabel('New password', { exact: true }).fill(password);
  await elsewhere.getByRole('button', { name: 'Change password' }).click();
  await expect(heading(elsewhere, 'Your password is changed')).toBeVisible();
  await page.reload();
  await expect(page).toHaveURL(/\/login/);
  // The page with an unknown link is replaced by the one of the used link, although only the fragment differs.
  await elsewhere.goto('/reset-password#token=made-up');
  await elsewhere.goto(link);
  await elsewhere.getByLabel('New password', { exact: true }).fill('clip after clip after clip');
  await elsewhere.getByRole('button', { name: 'Change password' }).click();
  await expect(alert(elsewhere)).toBeVisible();
  await signIn(elsewhere, { ...person, password });
  await expect.poll(() => mailbox.to(person.email).at(-1)?.subject).toBe('Your password was changed');
  await elsewhere.close();
});

test('an unknown address gets the same page, and no mail', async ({ page, mailbox }) => {
  const { email } = newPerson();
  await page.goto('/forgot-password');
  await page.getByRole('textbox', { name: 'E-mail' }).fill(email);
  await page.getByRole('button', { name: 'Send link' }).click();
  await expect(heading(page, 'Check your e-mail')).toBeVisible();
  await expect(page.getByRole('main')).toContainText('If an account with this address exists');
  // A mail that was requested later has arrived, and none to this address.
  await signUp(page, newPerson(), mailbox);
  expect(mailbox.to(email)).toEqual([]);
});

test('an address is changed with a link sent to the new one, and the old one is notified', async ({ page, mailbox }) => {
  const person = await confirmed(page, mailbox);
  const { email } = newPerson();
  const settings = new SettingsScreen(page);
  await signIn(page, person);
  await settings.open();
  await settings.field('New e-mail').fill(email);
  await settings.button('Change e-mail').click();
  await settings.says(/^Check your e-mail/);
  await expect(settings.section('E-mail')).toContainText(person.email);
  await expect.poll(() => mailbox.to(person.email).at(-1)?.subject).toBe('Your e-mail address is about to change');
  await page.goto(await mailbox.link(email, /Confirm/));
  await page.getByRole('button', { name: 'Confirm', exact: true }).click();
  await expect(heading(page, 'Your e-mail address is confirmed')).toBeVisible();
  await settings.open();
  await expect(settings.section('E-mail')).toContainText(email);
  // The previous address can take the account back.
  await page.goto(await mailbox.link(person.email, /was changed/));
  const password = 'staple after staple';
  await page.getByLabel('New password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Restore and change password' }).click();
  await expect(heading(page, 'Your e-mail address is restored')).toBeVisible();
  await signIn(page, { ...person, password });
});

test('e-mails about security events are chosen, after the password if the sign-in was long ago', async ({
  page,
  mailbox,
}) => {
  const owner = await confirmed(page, mailbox);
  await signIn(page, owner);
  const settings = new SettingsScreen(page);
  await settings.open();
  const section = settings.section('E-mails about security');
  const box = (name: string) => section.getByRole('checkbox', { name });
  for (const name of ['new device', 'failed', 'recovery code', 'deleted']) await expect(box(name)).toBeChecked();
  await box('new device').focus();
  await page.keyboard.press('Space');
  await section.getByRole('button', { name: 'Save choice' }).press('Enter');
  await settings.says('Your choice of e-mails is saved');
  await page.reload();
  await expect(box('new device')).not.toBeChecked();
  await expect(box('deleted')).toBeChecked();

  // A refusal asks for the password, and keeps the choice.
  let refused = false;
  await page.route('**/api/auth/notifications', async (route) => {
    if (route.request().method() === 'GET' || refused) return route.fallback();
    refused = true;
    const problem = { type: 'about:blank', title: 'Forbidden', status: 403, detail: 'Old.', code: 'SESSION_NOT_FRESH' };
    await route.fulfill({ status: 403, contentType: 'application/problem+json', json: problem });
  });
  await box('deleted').uncheck();
  await section.getByRole('button', { name: 'Save choice' }).click();
  await settings.enterPassword('Enter your password again', owner.password, 'Continue');
  await settings.says('Your choice of e-mails is saved');
  await page.reload();
  await expect(box('deleted')).not.toBeChecked();
});

test('“This wasn’t me” ends all sessions and sends a link to choose a new password', async ({ page, request, mailbox }) => {
  const owner = await confirmed(page, mailbox);
  const data = { email: owner.email, password: owner.password };
  const { token, user } = await (await request.post('/api/auth/sign-in/email', { data })).json();
  const intruder = async () =>
    (await request.get(`/api/${user.id}/tasks`, { headers: { Authorization: `Bearer ${token}` } })).status();
  await signIn(page, owner);
  const settings = new SettingsScreen(page);
  await settings.open();
  await settings.activity().filter({ hasText: 'Signed in' }).getByRole('button').first().click();
  await expect(settings.dialog('Secure your account')).toContainText(owner.email);
  await settings.button('Secure my account').click();
  await expect(heading(page, 'All devices are signed out')).toBeVisible();
  await expect(page.getByRole('main')).toContainText(owner.email);
  expect(await intruder()).toBe(401);

  await page.goto(await mailbox.link(owner.email, /new password/));
  const password = 'staple after staple';
  await page.getByLabel('New password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(heading(page, 'Your password is changed')).toBeVisible();
  await signIn(page, { ...owner, password });
});

/** Signs up on the page; with a mailbox, waits for the mail. */
async function signUp(page: Page, person: Person, mailbox?: Mailbox) {
  await page.goto('/signup');
  await fillSignUp(page, person);
  await expect(heading(page, 'Check your e-mail')).toBeVisible();
  if (mailbox) await mailbox.link(person.email, /Confirm/);
}

/** A person with an account and a confirmed address. */
async function confirmed(page: Page, mailbox: Mailbox): Promise<Person> {
  const person = newPerson();
  await page.request.post('/api/auth/sign-up/email', { data: person });
  const token = await mailbox.token(person.email, /Confirm/);
  const answer = await page.request.post('/api/auth/verify-email', { data: { token, password: person.password } });
  expect(answer.status()).toBe(200);
  return person;
}
