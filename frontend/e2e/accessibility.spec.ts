import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { addTasks, member, signIn } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';

test.use({ contextOptions: { reducedMotion: 'reduce' } });

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('no violations without an account', async ({ page }) => {
      await page.goto('/login');
      await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
      await clean(page);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
      await clean(page);
      await page.goto('/signup');
      await expect(page.getByRole('heading', { level: 1, name: 'Create your account' })).toBeVisible();
      await clean(page);
      await page.goto('/no/such/page');
      await expect(page.getByRole('heading', { level: 1, name: 'Page not found' })).toBeVisible();
      await clean(page);
    });

    test('no violations among the tasks', async ({ page, context, request }) => {
      const owner = await member(request);
      const tasks = new TaskScreen(page);
      await signIn(page, owner);
      await tasks.shows([]);
      await clean(page);
      await addTasks(request, owner, [
        { title: 'Renew the passport', description: 'Two photographs.', due_date: '2031-03-09' },
        { title: 'Water the plants', completed: true },
        { title: 'Post the letter', due_date: '2020-02-29' },
      ]);
      await page.reload();
      await tasks.shows(['Post the letter', 'Water the plants', 'Renew the passport']);
      await page.getByRole('button', { name: 'Add details' }).click();
      await clean(page);
      await tasks.edit('Renew the passport').click();
      await clean(page);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await tasks.remove('Water the plants').click();
      await expect(tasks.undo()).toBeVisible();
      await context.setOffline(true);
      await tasks.add('Written on the train');
      await expect(tasks.banner()).toBeVisible();
      await clean(page);
    });
  });
}

async function clean(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.map((node) => node.html) })),
    `axe at ${page.url()}`,
  ).toEqual([]);
  // Nothing is wider than the screen.
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
}
