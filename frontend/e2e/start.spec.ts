// What the page shows when the client cannot start.
import type { Page } from '@playwright/test';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test as base } from './support/test.ts';
import { heading } from './support/people.ts';

// The failures are errors in the console too.
const test = base.extend({ quietConsole: async ({}, use) => use() });

const failure = (page: Page) => page.getByRole('alert').filter({ hasText: 'Docket did not start' });

/** Ways in which the start fails, until the routes are removed. */
const FAILURES: Record<string, (page: Page) => Promise<unknown>> = {
  'the program cannot be fetched': (page) => page.route(/_bg\.wasm$/, (route) => route.abort()),
  'the script cannot be fetched': (page) => page.route(/\.js$/, (route) => route.abort()),
  'the files are of an older version': (page) =>
    page.route(/\.(js|wasm)$/, async (route) => {
      await route.fulfill({ response: await route.fetch({ url: route.request().url().replace('docket-', 'docket-old-') }) });
    }),
  'the program cannot be compiled': (page) =>
    page.route(/_bg\.wasm$/, (route) => route.fulfill({ contentType: 'application/wasm', body: 'no program' })),
  'the program cannot be started': (page) =>
    page.route(/_bg\.wasm$/, (route) =>
      route.fulfill({ contentType: 'application/wasm', body: Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) }),
    ),
};

for (const path of ['/login', '/forgot-password']) {
  for (const [what, fail] of Object.entries(FAILURES)) {
    test(`${path} shows a failure when ${what}, and can be retried`, async ({ page }) => {
      await fail(page);
      await page.goto(path);
      await expect(failure(page)).toBeVisible();
      await expect(page.getByText('Docket is starting')).toHaveCount(0);
      await page.unrouteAll();
      await page.getByRole('button', { name: 'Try again' }).click();
      await expect(page.locator('#main').getByRole('heading', { level: 1 })).toBeVisible();
      await expect(failure(page)).toHaveCount(0);
    });
  }
}

test('the pages of the account show a failure when their program cannot be fetched', async ({ page }) => {
  await page.route(/docket-account.*\.wasm$/, (route) => route.abort());
  await page.goto('/forgot-password?from=here');
  await expect(failure(page)).toBeVisible();
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(heading(page, 'Forgot your password?')).toBeVisible();
  await expect(page).toHaveURL('/forgot-password?from=here');
});

test('a browser without WebAssembly shows the failure', async ({ page }) => {
  await page.addInitScript('delete globalThis.WebAssembly');
  await page.goto('/login');
  await expect(failure(page)).toBeVisible();
});

test('a panic at the start shows the failure', async ({ page }) => {
  await page.addInitScript(() => {
    Node.prototype.insertBefore = () => {
      throw new Error('made to fail');
    };
  });
  await page.goto('/login');
  await expect(failure(page)).toBeVisible();
});

test('an error after the start does not replace the page', async ({ page }) => {
  await page.goto('/login');
  await expect(heading(page, 'Sign in')).toBeVisible();
  await page.evaluate(() => {
    setTimeout(() => {
      throw new Error('of an extension');
    });
    void Promise.reject(new Error('of another'));
    return new Promise((resolve) => setTimeout(resolve));
  });
  await expect(heading(page, 'Sign in')).toBeVisible();
  await expect(failure(page)).toHaveCount(0);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the failure has no accessibility violation, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.route(/_bg\.wasm$/, (route) => route.abort());
    await page.goto('/login');
    await expect(failure(page)).toBeVisible();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}

test('without JavaScript the page says that it is needed', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto('/login');
  await expect(page.getByRole('heading', { name: 'JavaScript is off' })).toBeVisible();
  await expect(page.getByText('Docket is starting')).toBeHidden();
  await context.close();
});
