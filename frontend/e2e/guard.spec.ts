import { expect, test } from './support/test.ts';
import { fillSignIn, member, signIn } from './support/people.ts';

test('a stranger at /tasks is sent to /login, and to /tasks after it', async ({ page, request }) => {
  const person = await member(request);
  await page.goto('/tasks');
  await expect(page).toHaveURL(/\/login/);
  await expect(page).toHaveTitle(/sign in/i);
  await fillSignIn(page, person);
  await expect(page).toHaveURL('/tasks');
  await expect(page.getByRole('heading', { level: 1, name: 'Tasks' })).toBeVisible();
  await expect(page).toHaveTitle(/tasks/i);
});

test('a member has no use for /login and /signup', async ({ page, request }) => {
  await signIn(page, await member(request));
  for (const path of ['/login', '/signup', '/']) {
    await page.goto(path);
    await expect(page).toHaveURL('/tasks');
  }
});

test('an unknown page says so and leads back', async ({ page }) => {
  await page.goto('/no/such/page');
  await expect(page.getByRole('heading', { level: 1, name: 'Page not found' })).toBeVisible();
  await expect(page).toHaveTitle(/not found/i);
  await page.getByRole('main').getByRole('link').first().click();
  await expect(page).toHaveURL(/\/login/);
});

test('the way back and forth in the browser works', async ({ page }) => {
  await page.goto('/login');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await expect(page).toHaveURL('/signup');
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await page.goForward();
  await expect(page.getByRole('heading', { level: 1, name: 'Create your account' })).toBeVisible();
});
