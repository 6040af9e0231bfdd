import type { Page } from '@playwright/test';
import { test as base, expect } from './support/test.ts';
import { SettingsScreen } from './support/account.ts';
import { Mailbox } from './support/mailbox.ts';
import { type Person, fillSignIn, signIn, stranger } from './support/people.ts';

interface Post {
  mailbox: Mailbox;
  smtpUrl: string;
}

// The server sends its mail to a mailbox of the worker.
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
    async ({ smtpUrl }, use) => use({ SMTP_URL: smtpUrl, MAIL_FROM: 'Docket <docket@example.com>' }),
    { scope: 'worker' },
  ],
});

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });

test('a new account works once its address is confirmed', async ({ page, mailbox }) => {
  const person = stranger();
  await signUp(page, person);
  await expect(page.getByRole('main')).toContainText(person.email);
  await page.getByRole('link', { name: 'Go to sign in' }).click();
  await fillSignIn(page, person);
  await expect(page.getByRole('alert').filter({ hasText: /\w/ })).toBeVisible();
  await expect(page).toHaveURL(/\/login/);
  // The sign-in has sent another link, and only the newest one works.
  await expect.poll(() => mailbox.to(person.email).length).toBe(2);
  await page.goto(await mailbox.link(person.email, /Confirm/));
  await expect(heading(page, 'Your e-mail address is confirmed')).toBeVisible();
  await page.reload();
  await expect(heading(page, 'Your address is not confirmed')).toBeVisible();
  await signIn(page, person);
  await new SettingsScreen(page).open();
  await expect(page.getByRole('region', { name: 'E-mail' }).getByText('Confirmed', { exact: true })).toBeVisible();
});

test('an address that is taken is told to its owner alone', async ({ page, mailbox }) => {
  const person = await confirmed(page, mailbox);
  await page.goto('/');
  await signUp(page, { ...stranger(), email: person.email });
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
  await elsewhere.getByRole('button', { name: 'Send the link' }).click();
  await expect(heading(elsewhere, 'Check your mail')).toBeVisible();
  const link = await mailbox.link(person.email, /new password/);
  await elsewhere.goto(link);
  const password = 'staple after staple';
  await elsewhere.getByLabel('New password', { exact: true }).fill(password);
  await elsewhere.getByRole('button', { name: 'Change password' }).click();
  await expect(heading(elsewhere, 'Your password is changed')).toBeVisible();
  await page.reload();
  await expect(page).toHaveURL(/\/login/);
  await elsewhere.goto(link);
  await elsewhere.getByLabel('New password', { exact: true }).fill('clip after clip after clip');
  await elsewhere.getByRole('button', { name: 'Change password' }).click();
  await expect(elsewhere.getByRole('alert').filter({ hasText: /\w/ })).toBeVisible();
  await signIn(elsewhere, { ...person, password });
  await expect.poll(() => mailbox.to(person.email).at(-1)?.subject).toBe('Your password was changed');
  await elsewhere.close();
});

test('an unknown address gets the same answer, and no mail', async ({ page, mailbox }) => {
  const { email } = stranger();
  await page.goto('/forgot-password');
  await page.getByRole('textbox', { name: 'E-mail' }).fill(email);
  await page.getByRole('button', { name: 'Send the link' }).click();
  await expect(heading(page, 'Check your mail')).toBeVisible();
  await expect(page.getByRole('main')).toContainText('If there is an account with this address');
  // A mail that was asked for later is there, and still none to this address.
  await signUp(page, stranger(), mailbox);
  expect(mailbox.to(email)).toEqual([]);
});

test('an address is changed by a link to the new one, and the old one is told', async ({ page, mailbox }) => {
  const person = await confirmed(page, mailbox);
  const { email } = stranger();
  const settings = new SettingsScreen(page);
  await signIn(page, person);
  await settings.open();
  await settings.field('New e-mail').fill(email);
  await settings.button('Change e-mail').click();
  await settings.says(/^Check your mail/);
  await expect(settings.section('E-mail')).toContainText(person.email);
  await expect.poll(() => mailbox.to(person.email).at(-1)?.subject).toBe('Your e-mail address is about to change');
  await page.goto(await mailbox.link(email, /Confirm/));
  await expect(heading(page, 'Your e-mail address is confirmed')).toBeVisible();
  await settings.open();
  await expect(settings.section('E-mail')).toContainText(email);
});

/** Signs up on the page; with a mailbox, waits for the mail. */
async function signUp(page: Page, person: Person, mailbox?: Mailbox) {
  await page.goto('/signup');
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(heading(page, 'Check your mail')).toBeVisible();
  if (mailbox) await mailbox.link(person.email, /Confirm/);
}

/** Somebody who has an account with an address that is confirmed. */
async function confirmed(page: Page, mailbox: Mailbox): Promise<Person> {
  const person = stranger();
  await page.request.post('/api/auth/sign-up/email', { data: person });
  const link = await mailbox.link(person.email, /Confirm/);
  const answer = await page.request.get(`/api/auth${link}`);
  expect(answer.status()).toBe(200);
  return person;
}
