import { expect, test } from './support/test.ts';
import { fillSignIn, member } from './support/people.ts';

test.use({ settings: { RATE_LIMIT: 'on' } });

test('somebody who guesses is told how long to wait', async ({ page, request }) => {
  const person = await member(request);
  const data = { email: person.email, password: 'not the password' };
  const guess = async () => (await request.post('/api/auth/sign-in/email', { data })).status();
  await expect.poll(guess, { intervals: [0] }).toBe(429);
  await page.goto('/login');
  await fillSignIn(page, person);
  await expect(page.getByRole('alert').filter({ hasText: /Try again in \d+ (second|minute)/ })).toBeVisible();
});
