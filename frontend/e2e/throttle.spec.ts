import { expect, test } from './support/test.ts';
import { member } from './support/people.ts';

test.use({ settings: { RATE_LIMIT: 'on' } });

test('somebody who asks too often is told how long to wait', async ({ page, request }) => {
  const { name, email, password } = await member(request);
  const data = { name, email, password };
  const signUp = async () => (await request.post('/api/auth/sign-up/email', { data })).status();
  await expect.poll(signUp, { intervals: [0], timeout: 20_000 }).toBe(429);
  await page.goto('/signup');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  const alert = page.getByRole('alert').filter({ hasText: /Try again in/ });
  await expect(alert).toHaveText(/^\s*Too many attempts\. Try again in \d+ minutes\.\s*$/);
});
