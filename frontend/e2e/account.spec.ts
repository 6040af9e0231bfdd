import { expect, test } from './support/test.ts';
import { fillSignIn, member, signIn, stranger } from './support/people.ts';

test('a stranger makes an account and is welcomed to an empty list', async ({ page }) => {
  const person = stranger();
  await page.goto('/');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Create your account' })).toBeVisible();
  await expect(page).toHaveTitle(/account/i);
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Tasks' })).toBeVisible();
  await expect(page).toHaveURL('/tasks');
  await expect(page.getByRole('checkbox')).toHaveCount(0);
});

test('a member signs out and in again, in any letter case of the address', async ({ page, request }) => {
  const person = await member(request);
  await signIn(page, { ...person, email: person.email.toUpperCase() });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await page.goto('/tasks');
  await expect(page).toHaveURL(/\/login/);
  await signIn(page, person);
});

test('a wrong password and an unknown address get the same answer, and the form keeps the address', async ({
  page,
  request,
}) => {
  const person = await member(request);
  const alert = page.getByRole('alert').filter({ hasText: /\w/ });
  await page.goto('/login');
  await fillSignIn(page, { ...person, password: 'not the password' });
  await expect(alert).toBeVisible();
  const answer = await alert.textContent();
  await expect(page.getByRole('textbox', { name: 'E-mail' })).toHaveValue(person.email);
  await page.reload();
  await fillSignIn(page, stranger());
  await expect(alert).toHaveText(answer ?? '');
  await expect(page).toHaveURL(/\/login/);
});

test('a broken rule is shown at its field before anything is sent', async ({ page }) => {
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().includes('/sign-up/')) sent.push(request.url());
  });
  await page.goto('/signup');
  const email = page.getByRole('textbox', { name: 'E-mail' });
  const password = page.getByLabel('Password', { exact: true });
  await page.getByRole('textbox', { name: 'Name' }).fill('Owner');
  await email.fill('not an address');
  await password.fill('short');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(email).toHaveAccessibleDescription(/not an e-mail address/);
  await expect(password).toHaveAccessibleDescription(/at least 8 characters/);
  await expect(email).toHaveAttribute('aria-invalid', 'true');
  await email.fill('owner@example.com');
  await expect(email).not.toHaveAccessibleDescription(/not an e-mail address/);
  expect(sent).toEqual([]);
});

test('an address that is taken is said at the field', async ({ page, request }) => {
  const person = await member(request);
  await page.goto('/signup');
  const email = page.getByRole('textbox', { name: 'E-mail' });
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await email.fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(email).toHaveAttribute('aria-invalid', 'true');
  await expect(email).toHaveAccessibleDescription(/\w/);
  await expect(page).toHaveURL('/signup');
});

test('a password can be looked at', async ({ page }) => {
  await page.goto('/login');
  const password = page.getByLabel('Password', { exact: true });
  await password.fill('correct horse battery');
  await expect(password).toHaveAttribute('type', 'password');
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(password).toHaveAttribute('type', 'text');
  await page.getByRole('button', { name: 'Hide password' }).click();
  await expect(password).toHaveAttribute('type', 'password');
});

test('a server without mail says who can help with a forgotten password', async ({ page }) => {
  await page.goto('/login');
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Forgot your password?' })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('This server sends no mail');
  await expect(page.getByRole('code')).toHaveText('docket reset-password <email>');
  await expect(page.getByRole('textbox')).toHaveCount(0);
});
