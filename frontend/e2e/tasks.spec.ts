import { expect, test } from './support/test.ts';
import { stored } from './support/people.ts';
import { openTasks } from './support/screen.ts';

test('tasks are added, edited, completed and deleted, and a reload shows the same', async ({ page, request }) => {
  const { owner, tasks } = await openTasks(page, request);

  await tasks.add('Water the plants');
  await expect(tasks.newTask()).toBeFocused();
  await expect(tasks.newTask()).toHaveValue('');
  await tasks.add('Post the letter');
  await tasks.shows(['Post the letter', 'Water the plants']);

  await tasks.edit('Post the letter').click();
  await page.getByRole('textbox', { name: 'Title' }).fill('Post the parcel');
  await page.getByRole('list').getByLabel('Description').fill('Weigh it first.');
  await page.getByRole('button', { name: 'Save' }).click();
  await tasks.shows(['Post the parcel', 'Water the plants']);
  await tasks.box('Water the plants').check();
  await expect(tasks.show('Completed', 1)).toBeVisible();
  const expected = [
    { title: 'Post the parcel', completed: false },
    { title: 'Water the plants', completed: true },
  ];
  await expect.poll(() => stored(request, owner)).toEqual(expected);

  await page.reload();
  await tasks.shows(['Post the parcel', 'Water the plants']);
  await expect(page.getByText('Weigh it first.')).toBeVisible();
  await expect(tasks.box('Water the plants')).toBeChecked();
  await expect(tasks.box('Post the parcel')).not.toBeChecked();

  await tasks.remove('Post the parcel').click();
  await tasks.shows(['Water the plants']);
  await page.reload();
  await tasks.shows(['Water the plants']);
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Water the plants', completed: true }]);
});

test('a task is added with its details', async ({ page, request }) => {
  const { owner, tasks } = await openTasks(page, request);
  await tasks.newTask().fill('Renew the passport');
  await page.getByRole('button', { name: 'Add details' }).click();
  await page.getByLabel('Description').fill('Two photographs.');
  await page.getByLabel('Due date').fill('2031-03-09');
  await page.getByRole('button', { name: 'Add task' }).click();
  await tasks.shows(['Renew the passport']);
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Renew the passport', completed: false }]);
  await page.reload();
  await expect(tasks.list()).toContainText('Two photographs.');
  await expect(tasks.list()).toContainText('9 Mar');
});

test('an edit can be cancelled', async ({ page, request }) => {
  const { tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);
  await tasks.edit('Water the plants').click();
  await page.getByRole('textbox', { name: 'Title' }).fill('Sell the plants');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await tasks.shows(['Water the plants']);
});

test('the list is filtered, sorted and counted', async ({ page, request }) => {
  const { tasks } = await openTasks(page, request, [
    { title: 'Beta', due_date: '2031-01-03' },
    { title: 'alpha', completed: true },
    { title: 'Gamma', due_date: '2031-01-02' },
  ]);

  await tasks.shows(['Gamma', 'alpha', 'Beta']);
  await expect(tasks.show('All', 3)).toHaveAttribute('aria-pressed', 'true');
  await expect(tasks.show('Pending', 2)).toHaveAttribute('aria-pressed', 'false');
  await tasks.show('Pending').click();
  await tasks.shows(['Gamma', 'Beta']);
  await tasks.box('Gamma').click();
  await tasks.shows(['Beta']);
  await tasks.show('Completed', 2).click();
  await tasks.shows(['Gamma', 'alpha']);
  await tasks.show('All').click();

  await tasks.sort().selectOption('title');
  await tasks.shows(['alpha', 'Beta', 'Gamma']);
  await tasks.sort().selectOption('due_date');
  await tasks.shows(['Gamma', 'Beta', 'alpha']);
});

test('a deletion can be undone', async ({ page, request }) => {
  const { tasks } = await openTasks(page, request, [{ title: 'Water the plants' }, { title: 'Post the letter' }]);
  await tasks.remove('Water the plants').click();
  await tasks.shows(['Post the letter']);
  await tasks.undo().click();
  await tasks.shows(['Post the letter', 'Water the plants']);
  await page.reload();
  await tasks.shows(['Post the letter', 'Water the plants']);
});

test('a title that is too long or blank is an error and not added', async ({ page, request }) => {
  const { tasks } = await openTasks(page, request);
  await tasks.newTask().fill('x'.repeat(201));
  await expect(tasks.newTask()).toHaveAccessibleDescription(/201/);
  await tasks.newTask().press('Enter');
  await tasks.shows([]);
  await tasks.newTask().fill('   ');
  await tasks.newTask().press('Enter');
  await tasks.shows([]);
});
