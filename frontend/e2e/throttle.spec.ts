import { expect, test } from './support/test.ts';
import { fillSignUp, member } from './support/people.ts';

test.use({ settings: { RATE_LIMIT: 'on' } });

test('a throttled request tells how long to wait', async ({ page, request }) => {
  const { name, email, password } = await member(request);
  const data = { name, email, password };
  const signUp = async () => (await request.post('/api/auth/sign-up/email', { data })).status();
  await expect.poll(signUp, { intervals: [0], timeout: 20_000 }).toBe(429);
  await page.goto('/signup');
  await fillSignUp(page, data);
  const alert = page.getByRole('alert').filter({ hasText: /Try again in/ });
  await expect(alert).toHaveText(/^\s*Too many attempts\. Try again in \d+ minutes\.\s*$/);
});
