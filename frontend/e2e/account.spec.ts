import { expect, test } from './support/test.ts';
import { alert, fillSignIn, fillSignUp, heading, member, newPerson, signIn, signOut } from './support/people.ts';

test('a sign-up leads to an empty list', async ({ page }) => {
  const person = newPerson();
  await page.goto('/');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await expect(heading(page, 'Create your account')).toBeVisible();
  await expect(page).toHaveTitle(/account/i);
  await fillSignUp(page, person);
  await expect(heading(page, 'Tasks')).toBeVisible();
  await expect(page).toHaveURL('/tasks');
  await expect(page.getByRole('checkbox')).toHaveCount(0);
});

test('a user signs out and in again, with the address in any letter case', async ({ page, request }) => {
  const person = await member(request);
  await signIn(page, { ...person, email: person.email.toUpperCase() });
  await signOut(page);
  await page.goto('/tasks');
  await expect(page).toHaveURL(/\/login/);
  await signIn(page, person);
});

test('a wrong password and an unknown address get the same message, and the form keeps the address', async ({
  page,
  request,
}) => {
  const person = await member(request);
  await page.goto('/login');
  await fillSignIn(page, { ...person, password: 'not the password' });
  await expect(alert(page)).toBeVisible();
  const message = await alert(page).textContent();
  await expect(page.getByRole('textbox', { name: 'E-mail' })).toHaveValue(person.email);
  await page.reload();
  await fillSignIn(page, newPerson());
  await expect(alert(page)).toHaveText(message ?? '');
  await expect(page).toHaveURL(/\/login/);
});

test('a broken rule is an error at its field before anything is sent', async ({ page }) => {
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
  await expect(email).toHaveAccessibleDescription(/Enter a valid e-mail address/);
  await expect(password).toHaveAccessibleDescription(/at least 8 characters/);
  await expect(email).toHaveAttribute('aria-invalid', 'true');
  await email.fill('owner@example.com');
  await expect(email).not.toHaveAccessibleDescription(/Enter a valid e-mail address/);
  expect(sent).toEqual([]);
});

test('an address with an account is an error at the field', async ({ page, request }) => {
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

test('a password can be shown', async ({ page }) => {
  await page.goto('/login');
  const password = page.getByLabel('Password', { exact: true });
  await password.fill('correct horse battery');
  await expect(password).toHaveAttribute('type', 'password');
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(password).toHaveAttribute('type', 'text');
  await page.getByRole('button', { name: 'Hide password' }).click();
  await expect(password).toHaveAttribute('type', 'password');
});

test('without mail the page names the command that resets a password', async ({ page }) => {
  await page.goto('/login');
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await expect(heading(page, 'Forgot your password?')).toBeVisible();
  await expect(page.getByRole('main')).toContainText('This server does not send e-mail');
  await expect(page.getByRole('code')).toHaveText('docket reset-password <email>');
  await expect(page.getByRole('textbox')).toHaveCount(0);
});
