import type { Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { addTasks, alert, member, signIn, stored } from './support/people.ts';
import { openTasks, TaskScreen } from './support/screen.ts';

test('changes without a network are kept and sent when there is one', async ({ page, context, request }) => {
  const { owner, tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);
  await tasks.shows(['Water the plants']);

  await context.setOffline(true);
  await tasks.add('Written on the train');
  await tasks.box('Water the plants').check();
  await expect(tasks.banner()).toBeVisible();
  await page.getByRole('button', { name: 'Try now' }).click();
  await expect(tasks.banner()).toBeVisible();

  await context.setOffline(false);
  await expect(tasks.banner()).toBeHidden();
  await expect
    .poll(() => stored(request, owner))
    .toEqual([
      { title: 'Written on the train', completed: false },
      { title: 'Water the plants', completed: true },
    ]);
});

test('a change that the server refuses is undone, and a message says why', async ({ page, request }) => {
  const { tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);

  await refuse(page, 'PATCH', 422, 'The plants said no.');
  await tasks.box('Water the plants').click();
  await expect(page.getByText('Your change was not saved and has been undone. The plants said no.')).toBeVisible();
  await expect(tasks.box('Water the plants')).not.toBeChecked();

  await refuse(page, 'POST', 422, 'There are too many tasks.');
  await tasks.newTask().fill('One more');
  await tasks.newTask().press('Enter');
  await expect(page.getByText('There are too many tasks.')).toBeVisible();
  await tasks.shows(['Water the plants']);
});

test('a change is kept while the server fails', async ({ page, request }) => {
  const { owner, tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);

  await refuse(page, 'PUT', 500, 'Something went wrong on our side.');
  await tasks.edit('Water the plants').click();
  await page.getByRole('textbox', { name: 'Title' }).fill('Feed the plants');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(tasks.banner()).toBeVisible();
  await tasks.shows(['Feed the plants']);
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try now' }).click();
  await expect(tasks.banner()).toBeHidden();
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Feed the plants', completed: false }]);
});

test('a change that the browser cannot store is reported and sent from this tab', async ({ page, context, request }) => {
  const { owner, tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);
  await tasks.shows(['Water the plants']);
  await page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await context.setOffline(true);
  await tasks.box('Water the plants').check();
  await expect(page.getByRole('status').getByText('Keep this tab open')).toBeVisible();
  await expect(page.getByRole('main').getByText('Changes could not be saved on this device')).toBeVisible();
  await context.setOffline(false);
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Water the plants', completed: true }]);
});

test('a list that cannot be loaded shows the error and can be retried', async ({ page, request }) => {
  const owner = await member(request);
  await addTasks(request, owner, [{ title: 'Water the plants' }]);
  const tasks = new TaskScreen(page);
  await refuse(page, 'GET', 500, 'Something went wrong on our side.');
  await signIn(page, owner);
  await expect(alert(page)).toBeVisible();
  await page.unrouteAll();
  await page.getByRole('button', { name: /try/i }).click();
  await tasks.shows(['Water the plants']);
});

/** Lets the server refuse this method on tasks. */
async function refuse(page: Page, method: string, status: number, detail: string) {
  await page.route(/\/api\/[^/]+\/tasks/, async (route) => {
    if (route.request().method() !== method) return route.fallback();
    const code = status === 422 ? 'invalid' : 'internal';
    const problem = { type: `/docs/problems#${code}`, title: 'Refused', status, detail, code };
    await route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify(problem) });
  });
}
