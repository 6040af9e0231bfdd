import { expect, test } from './support/test.ts';
import { fillSignIn, heading, member, signIn } from './support/people.ts';

test('/tasks redirects to /login without a session, and back after the sign-in', async ({ page, request }) => {
  const person = await member(request);
  await page.goto('/tasks');
  await expect(page).toHaveURL(/\/login/);
  await expect(page).toHaveTitle(/sign in/i);
  await fillSignIn(page, person);
  await expect(page).toHaveURL('/tasks');
  await expect(heading(page, 'Tasks')).toBeVisible();
  await expect(page).toHaveTitle(/tasks/i);
});

test('/login and /signup redirect to /tasks with a session', async ({ page, request }) => {
  await signIn(page, await member(request));
  for (const path of ['/login', '/signup', '/']) {
    await page.goto(path);
    await expect(page).toHaveURL('/tasks');
  }
});

test('an unknown path shows a page that leads back', async ({ page }) => {
  await page.goto('/no/such/page');
  await expect(heading(page, 'Page not found')).toBeVisible();
  await expect(page).toHaveTitle(/not found/i);
  await page.getByRole('main').getByRole('link').first().click();
  await expect(page).toHaveURL(/\/login/);
});

test('back and forward in the browser work', async ({ page }) => {
  await page.goto('/login');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await expect(page).toHaveURL('/signup');
  await page.goBack();
  await expect(heading(page, 'Sign in')).toBeVisible();
  await page.goForward();
  await expect(heading(page, 'Create your account')).toBeVisible();
});
