import { expect, test } from './support/test.ts';

const pages = ['/', '/login', '/signup', '/tasks', '/no/such/page', '/docs'];

for (const path of pages) {
  test(`${path} works with its content security policy`, async ({ page }) => {
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`${event.violatedDirective} blocked ${event.blockedURI}`);
      });
    });
    const answer = await page.goto(path);
    const headers = answer?.headers() ?? {};
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBeTruthy();
    // The client and Swagger UI render a heading once their script runs. The console is checked after every test.
    await expect(page.getByRole('heading').first()).toBeVisible();
    await page.waitForLoadState('networkidle');
  });
}

test('Swagger UI sends requests with its content security policy', async ({ page }) => {
  await page.goto('/docs');
  await page.getByRole('link', { name: '/api/auth/capabilities' }).click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await expect(page.getByText('"passwordMinLength"').first()).toBeVisible();
});
