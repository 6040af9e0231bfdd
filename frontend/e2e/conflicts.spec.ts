// One user on two devices: what happens when both change the same task.
import type { APIRequestContext, Browser, Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { addTasks, member, signIn } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';

type Owner = Awaited<ReturnType<typeof member>>;

/** The page of the tasks on a device, with its editors and conflicts. */
class Device {
  readonly tasks: TaskScreen;

  constructor(readonly page: Page) {
    this.tasks = new TaskScreen(page);
  }

  readonly description = () => this.page.getByRole('list').getByLabel('Description');
  readonly conflict = (title: string) => this.page.getByRole('form', { name: `“${title}” was changed on another device` });
  readonly deleted = (title: string) => this.page.getByRole('form', { name: `“${title}” was deleted on another device` });

  /** The radio button for one of the two values of a field. */
  readonly option = (title: string, field: string, option: string | RegExp) =>
    this.conflict(title).getByRole('group', { name: field }).getByRole('radio', { name: option });

  readonly saveChoice = () => this.page.getByRole('button', { name: 'Save choice' }).click();

  async edit(title: string, changes: { title?: string; description?: string }) {
    await this.tasks.edit(title).click();
    if (changes.title !== undefined) await this.tasks.title().fill(changes.title);
    if (changes.description !== undefined) await this.description().fill(changes.description);
    await this.tasks.save();
  }

  /** Reloads the list, as when the window gets the focus. */
  async focusWindow() {
    const list = this.page.waitForResponse((answer) => answer.url().includes('/tasks?') && answer.ok());
    await this.page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await list;
  }

  /** The bodies of the PUT requests from now on. */
  changes() {
    const sent: unknown[] = [];
    this.page.on('request', (request) => {
      if (request.method() === 'PUT') sent.push(request.postDataJSON());
    });
    return sent;
  }
}

/** Signs in the same user on another device. */
async function anotherDevice(browser: Browser, baseURL: string | undefined, owner: Owner) {
  const device = new Device(await (await browser.newContext({ baseURL })).newPage());
  await signIn(device.page, owner);
  return device;
}

/** The tasks of the owner on the server, newest first, without their completion. */
async function stored(request: APIRequestContext, owner: Owner) {
  const answer = await request.get(`/api/${owner.id}/tasks`, { headers: { Authorization: `Bearer ${owner.token}` } });
  const tasks: { title: string; description: string | null }[] = await answer.json();
  return tasks.map(({ title, description }) => ({ title, description }));
}

/** Both devices show the one task, Tea. */
async function twoDevices(page: Page, browser: Browser, baseURL: string | undefined, request: APIRequestContext) {
  const owner = await member(request);
  await addTasks(request, owner, [{ title: 'Tea' }]);
  const here = new Device(page);
  await signIn(page, owner);
  const there = await anotherDevice(browser, baseURL, owner);
  await here.tasks.shows(['Tea']);
  await there.tasks.shows(['Tea']);
  return { owner, here, there };
}

/** Both devices change the title of Tea: there to Coffee, then here to Green tea, which is a conflict. */
async function changeOnBoth(here: Device, there: Device, request: APIRequestContext, owner: Owner) {
  await here.tasks.edit('Tea').click();
  await there.edit('Tea', { title: 'Coffee' });
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Coffee', description: null }]);
  await here.tasks.title().fill('Green tea');
  await here.tasks.save();
  await expect(here.conflict('Coffee')).toBeVisible();
}

for (const known of [true, false]) {
  const when = known ? 'is known' : 'is not known yet';
  test(`only changed fields are sent, when a change by another device ${when}`, async ({ page, browser, baseURL, request }) => {
    const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
    await here.tasks.edit('Tea').click();
    await there.edit('Tea', { description: 'Two bags.' });
    await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Tea', description: 'Two bags.' }]);
    if (known) await here.focusWindow();

    const sent = here.changes();
    await here.tasks.title().fill('Green tea');
    await here.tasks.save();
    await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Green tea', description: 'Two bags.' }]);
    // The first one is refused by its If-Match when the other change is not known.
    expect(sent).toEqual(Array(known ? 1 : 2).fill({ title: 'Green tea' }));
    await expect(here.tasks.list()).toContainText('Two bags.');
    await expect(page.getByRole('form', { name: 'on another device' })).toHaveCount(0);
  });

  test(`the text of an edit survives the deletion of its task, when the deletion ${when}`, async ({ page, browser, baseURL, request }) => {
    const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
    await here.tasks.edit('Tea').click();
    await here.tasks.title().fill('Green tea');
    await here.description().fill('Two bags.');
    await there.tasks.delete('Tea');
    await expect.poll(() => stored(request, owner)).toEqual([]);
    const offer = here.deleted('Tea');
    if (known) {
      await here.focusWindow();
      // The focus stays where the user types.
      await expect(offer.getByLabel('Description')).toBeFocused();
      await page.keyboard.type(' Not more.');
    } else {
      await here.tasks.save();
      await expect(offer.getByRole('heading')).toBeFocused();
      await offer.getByLabel('Description').fill('Two bags. Not more.');
    }
    await page.reload();
    await expect(offer.getByLabel('Title')).toHaveValue('Green tea');
    await expect(offer.getByLabel('Description')).toHaveValue('Two bags. Not more.');
    // Escape does not discard the text.
    await offer.getByLabel('Title').press('Escape');
    await offer.getByRole('button', { name: 'Add as a new task' }).click();
    await expect(offer).toHaveCount(0);
    await here.tasks.shows(['Green tea']);
    await expect
      .poll(() => stored(request, owner))
      .toEqual([{ title: 'Green tea', description: 'Two bags. Not more.' }]);
    await page.reload();
    await here.tasks.shows(['Green tea']);
    await expect(offer).toHaveCount(0);
  });
}

test('the text of an edit of a deleted task can be discarded', async ({ page, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  await here.tasks.edit('Tea').click();
  await there.tasks.delete('Tea');
  await expect.poll(() => stored(request, owner)).toEqual([]);
  await here.tasks.title().fill('Green tea');
  await here.tasks.save();
  await here.deleted('Tea').getByRole('button', { name: 'Discard' }).click();
  await expect(here.deleted('Tea')).toHaveCount(0);
  await expect(here.tasks.newTask()).toBeFocused();
  await page.reload();
  await here.tasks.shows([]);
  await expect(here.deleted('Tea')).toHaveCount(0);
});

for (const [kept, expected] of [
  ['Keep what I typed here', 'Green tea'],
  ["Keep the other device's", 'Coffee'],
] as const) {
  test(`a title that both devices changed is a conflict: ${kept}`, async ({ page, browser, baseURL, request }) => {
    const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
    await changeOnBoth(here, there, request, owner);

    await expect(here.conflict('Coffee').getByRole('heading')).toBeFocused();
    await expect(here.option('Coffee', 'Title', 'Keep what I typed here Green tea')).not.toBeChecked();
    await expect(here.option('Coffee', 'Title', "Keep the other device's Coffee")).not.toBeChecked();
    await here.tasks.shows(['Coffee']);
    // Nothing is sent before the choice, and the conflict survives a reload.
    await here.saveChoice();
    await page.reload();
    await expect(here.conflict('Coffee')).toBeVisible();
    expect(await stored(request, owner)).toEqual([{ title: 'Coffee', description: null }]);

    const sent = here.changes();
    await here.option('Coffee', 'Title', new RegExp(`^${kept}`)).check();
    await here.saveChoice();
    await expect(here.conflict('Coffee')).toHaveCount(0);
    await here.tasks.shows([expected]);
    await expect(here.tasks.edit(expected)).toBeFocused();
    await expect.poll(() => stored(request, owner)).toEqual([{ title: expected, description: null }]);
    await page.reload();
    await here.tasks.shows([expected]);
    await expect(here.conflict('Coffee')).toHaveCount(0);
    expect(sent).toEqual(expected === 'Coffee' ? [] : [{ title: 'Green tea' }]);
  });
}

test('each field is chosen separately, with the keyboard', async ({ page, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  await here.tasks.edit('Tea').click();
  await there.edit('Tea', { title: 'Coffee', description: 'Black.' });
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Coffee', description: 'Black.' }]);
  await here.tasks.title().fill('Green tea');
  await here.description().fill('Two bags.');
  await page.getByLabel('Due date').last().fill('2031-03-09');
  await here.tasks.title().press('Enter');

  await expect(here.conflict('Coffee').getByRole('heading')).toBeFocused();
  await expect(here.conflict('Coffee').getByRole('group')).toHaveCount(2);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await expect(here.option('Coffee', 'Title', 'Keep what I typed here Green tea')).toBeChecked();
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await expect(here.option('Coffee', 'Description', "Keep the other device's Black.")).toBeChecked();
  await page.keyboard.press('Enter');
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Green tea', description: 'Black.' }]);
  await expect(here.tasks.list()).toContainText('9 Mar');
});

test('another change of the task is another conflict', async ({ page, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  await changeOnBoth(here, there, request, owner);
  await there.edit('Coffee', { title: 'Cocoa' });
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Cocoa', description: null }]);
  await here.option('Coffee', 'Title', /^Keep what I typed here/).check();
  await here.saveChoice();
  await expect(here.conflict('Cocoa')).toBeVisible();
  await here.option('Cocoa', 'Title', /^Keep what I typed here/).check();
  await here.saveChoice();
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Green tea', description: null }]);
});

test('edits without a network are merged or a conflict when they are sent', async ({ page, context, browser, baseURL, request }) => {
  const owner = await member(request);
  await addTasks(request, owner, [{ title: 'Tea' }, { title: 'Bread' }, { title: 'Milk' }]);
  const here = new Device(page);
  await signIn(page, owner);
  await here.tasks.shows(['Milk', 'Bread', 'Tea']);
  const there = await anotherDevice(browser, baseURL, owner);

  await context.setOffline(true);
  await here.edit('Tea', { title: 'Green tea' });
  await here.edit('Green tea', { title: 'Mint tea' });
  await here.edit('Bread', { title: 'Rye bread' });
  await here.edit('Milk', { title: 'Oat milk' });
  await expect(here.tasks.banner()).toBeVisible();
  await there.edit('Tea', { title: 'Coffee' });
  await there.edit('Bread', { description: 'One loaf.' });
  await there.tasks.delete('Milk');
  await expect
    .poll(() => stored(request, owner))
    .toEqual([
      { title: 'Bread', description: 'One loaf.' },
      { title: 'Coffee', description: null },
    ]);
  await page.reload().catch(() => undefined);
  await context.setOffline(false);
  await page.goto('/tasks');

  await expect(here.option('Coffee', 'Title', 'Keep what I typed here Mint tea')).toBeVisible();
  await expect(here.deleted('Milk').getByLabel('Title')).toHaveValue('Oat milk');
  await expect
    .poll(() => stored(request, owner))
    .toEqual([
      { title: 'Rye bread', description: 'One loaf.' },
      { title: 'Coffee', description: null },
    ]);
  await expect(here.tasks.banner()).toBeHidden();
  await here.option('Coffee', 'Title', /^Keep what I typed here/).check();
  await here.saveChoice();
  await here.deleted('Milk').getByRole('button', { name: 'Add as a new task' }).click();
  await expect
    .poll(() => stored(request, owner))
    .toEqual([
      { title: 'Oat milk', description: null },
      { title: 'Rye bread', description: 'One loaf.' },
      { title: 'Mint tea', description: null },
    ]);
});

test('a conflict resolved in one tab is resolved in the other', async ({ page, context, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  await changeOnBoth(here, there, request, owner);
  const tab = new Device(await context.newPage());
  await tab.page.goto('/tasks');
  await tab.option('Coffee', 'Title', /^Keep the other device's/).check();
  await tab.saveChoice();
  await expect(tab.conflict('Coffee')).toHaveCount(0);
  await expect(here.conflict('Coffee')).toHaveCount(0);
  await here.tasks.shows(['Coffee']);
});

test('a task that is open in an editor stays in the list when a filter would hide it', async ({ page, browser, baseURL, request }) => {
  const { here, there } = await twoDevices(page, browser, baseURL, request);
  await here.tasks.show('Pending').click();
  await here.tasks.edit('Tea').click();
  await here.tasks.title().fill('Green tea');
  const ticked = there.page.waitForResponse((answer) => answer.url().endsWith('/complete') && answer.ok());
  await there.tasks.box('Tea').check();
  await ticked;
  await here.focusWindow();
  await expect(here.tasks.show('Completed', 1)).toBeVisible();
  await expect(here.tasks.title()).toHaveValue('Green tea');
  await expect(here.tasks.title()).toBeFocused();
});

test('the edit button of a task in conflict leads to the conflict', async ({ page, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  await changeOnBoth(here, there, request, owner);
  await here.tasks.edit('Coffee').click();
  await expect(here.conflict('Coffee').getByRole('heading')).toBeFocused();
  await expect(here.tasks.title()).toHaveCount(0);
  await expect(here.option('Coffee', 'Title', 'Keep what I typed here Green tea')).toBeVisible();
});

test('the edits of a deleted task in two tabs are offered one after the other', async ({ page, context, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  const tab = new Device(await context.newPage());
  await tab.page.goto('/tasks');
  await tab.tasks.edit('Tea').click();
  await tab.tasks.title().fill('Typed in this tab');
  await context.setOffline(true);
  await here.edit('Tea', { title: 'Saved in the other' });
  await there.tasks.delete('Tea');
  await expect.poll(() => stored(request, owner)).toEqual([]);
  await context.setOffline(false);
  await here.focusWindow();
  await tab.focusWindow();
  const title = tab.deleted('Tea').getByLabel('Title');
  await expect(title).toHaveValue('Saved in the other');
  await tab.page.getByRole('button', { name: 'Discard' }).click();
  await expect(title).toHaveValue('Typed in this tab');
  await tab.page.getByRole('button', { name: 'Add as a new task' }).click();
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Typed in this tab', description: null }]);
  await expect(tab.deleted('Tea')).toHaveCount(0);
});

test('discarding the draft of a deleted task keeps an edit that another tab has queued', async ({ page, context, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  const tab = new Device(await context.newPage());
  await tab.page.goto('/tasks');
  await tab.tasks.edit('Tea').click();
  await tab.tasks.title().fill('Typed in this tab');
  // The list can be loaded, but requests for a single task fail: the edit stays in the outbox.
  const oneTask = /\/tasks\/[0-9a-f-]+$/;
  await context.route(oneTask, (route) => route.abort());
  await here.edit('Tea', { title: 'Saved in the other' });
  await expect(here.tasks.banner()).toBeVisible();
  await there.tasks.delete('Tea');
  await expect.poll(() => stored(request, owner)).toEqual([]);
  await tab.page.reload();
  const title = tab.deleted('Tea').getByLabel('Title');
  await expect(title).toHaveValue('Typed in this tab');
  await tab.page.getByRole('button', { name: 'Discard' }).click();
  await expect(tab.deleted('Tea')).toHaveCount(0);

  await context.unroute(oneTask);
  await tab.page.reload();
  await expect(title).toHaveValue('Saved in the other');
  await tab.page.getByRole('button', { name: 'Add as a new task' }).click();
  await expect.poll(() => stored(request, owner)).toEqual([{ title: 'Saved in the other', description: null }]);
  await expect(tab.deleted('Tea')).toHaveCount(0);
});

test('completing a task that another device deleted names the task', async ({ page, browser, baseURL, request }) => {
  const { owner, here, there } = await twoDevices(page, browser, baseURL, request);
  await there.tasks.delete('Tea');
  await expect.poll(() => stored(request, owner)).toEqual([]);
  await here.tasks.box('Tea').click();
  await expect(page.getByText('“Tea” was deleted on another device.')).toBeVisible();
  await here.tasks.shows([]);
});

test('an editor whose title was emptied is cancelled by the first click', async ({ page, browser, baseURL, request }) => {
  const { here } = await twoDevices(page, browser, baseURL, request);
  await here.tasks.edit('Tea').click();
  await here.tasks.title().fill('');
  await page.getByRole('button', { name: 'Cancel' }).hover();
  await page.mouse.down();
  await page.mouse.up();
  await here.tasks.shows(['Tea']);
  await expect(here.tasks.title()).toHaveCount(0);
});
