// What a sign-out leaves in the browser: nothing of the person, and nothing unsent without a question.
import type { BrowserContext, Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { type Person, addTasks, fillSignIn, heading, member, signIn, signOut, stored } from './support/people.ts';
import { openTasks, TaskScreen } from './support/screen.ts';

type Owner = Person & { id: string };

test('after a sign-out neither tab has anything of the person', async ({ page, context, request }) => {
  const owner = await member(request);
  await addTasks(request, owner, [{ title: 'Water the plants' }, { title: 'Call Grace' }]);
  await signIn(page, owner);
  const here = new TaskScreen(page);
  await here.add('Written here');

  // The other tab shows a toast with a title, and has unsaved text in an editor and in the form for a new task.
  const other = await context.newPage();
  const there = new TaskScreen(other);
  await other.goto('/settings');
  await expect(heading(other, 'Settings')).toBeVisible();
  await other.goto('/tasks');
  await there.delete('Call Grace');
  await there.edit('Water the plants').click();
  await there.title().fill('Feed the plants');
  await there.newTask().fill('Half a thought');
  await there.remove('Written here').click();
  await expect(there.undo()).toBeVisible();

  await signOut(page);
  await expect(heading(other, 'Sign in')).toBeVisible();
  for (const tab of [page, other]) await expectNothingOf(tab, owner, context);

  // What the other tab had open is not there either when the person, or somebody else, signs in.
  await signIn(other, owner);
  await there.shows(['Water the plants']);
  await expect(there.newTask()).toHaveValue('');
});

test('a tab that was elsewhere during the sign-out forgets the person when it returns', async ({
  page,
  context,
  request,
}) => {
  const owner = await member(request);
  const other = await context.newPage();
  const there = new TaskScreen(other);
  await signIn(other, owner);
  await there.newTask().fill('Half a thought');
  await other.goto('about:blank');
  await page.goto('/tasks');
  await signOut(page);
  await other.goto('/tasks');
  await expect(heading(other, 'Sign in')).toBeVisible();
  await expectNothingOf(other, owner, context);
});

test('unsent changes and unsaved text are asked about', async ({ page, context, request }) => {
  const { owner, tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);
  await tasks.edit('Water the plants').click();
  await tasks.title().fill('Feed the plants');
  await context.setOffline(true);
  await tasks.add('Written on the train');
  await tasks.add('Written on the bus');

  await page.getByRole('button', { name: 'Sign out' }).click();
  const question = page.getByRole('dialog', { name: 'Sign out and discard 3 changes?' });
  await expect(question).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeFocused();
  await tasks.shows(['Written on the bus', 'Written on the train']);
  await expect(tasks.title()).toHaveValue('Feed the plants');

  await page.keyboard.press('Enter');
  await expect(question).toContainText('not saved on the server');
  await page.keyboard.press('Tab');
  await expect(question.getByRole('button', { name: 'Stay signed in' })).toBeVisible();
  await question.getByRole('button', { name: 'Sign out and discard' }).press('Enter');
  await expect(heading(page, 'Sign in')).toBeVisible();
  await expectNothingOf(page, owner, context);
  await context.setOffline(false);
  await fillSignIn(page, owner);
  await tasks.shows(['Water the plants']);
  expect(await stored(request, owner)).toEqual([{ title: 'Water the plants', completed: false }]);
});

test('without unsent changes a sign-out asks nothing, and an editor without changes is none', async ({
  page,
  request,
}) => {
  const { tasks } = await openTasks(page, request, [{ title: 'Water the plants' }]);
  await tasks.edit('Water the plants').click();
  await tasks.title().press('End');
  await signOut(page);
});

test('a sign-out without a connection ends the session when there is one', async ({ page, context, request }) => {
  const owner = await member(request);
  await signIn(page, owner);
  await expect(new TaskScreen(page).newTask()).toBeVisible();
  await context.setOffline(true);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(heading(page, 'Sign in')).toBeVisible();
  await expect(page.getByText('as soon as this browser has a connection')).toBeVisible();
  await expectNothingOf(page, owner, context);
  await context.setOffline(false);
  await expect.poll(() => refreshCookies(context)).toEqual([]);
});

test('a session that ends otherwise keeps unsaved text for the same person only', async ({ page, request, context }) => {
  const first = await member(request);
  const second = await member(request);
  const tasks = new TaskScreen(page);
  const end = async () => {
    const { token } = await page.evaluate(() => JSON.parse(localStorage.getItem('docket.session')!));
    await request.post('/api/auth/revoke-sessions', { headers: { Authorization: `Bearer ${token}` } });
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await expect(heading(page, 'Sign in')).toBeVisible();
  };
  await signIn(page, first);
  await tasks.newTask().fill('Half a thought');
  await end();
  expect(await everythingIn(page)).not.toContain(first.email);
  await fillSignIn(page, first);
  await expect(tasks.newTask()).toHaveValue('Half a thought');

  await end();
  await fillSignIn(page, second);
  await expect(tasks.newTask()).toHaveValue('');
  await expectNothingOf(page, first, context);
});

test('a refused refresh does not end a session that another tab began meanwhile', async ({ page, context, request }) => {
  const { owner, tasks } = await openTasks(page, request);
  const other = await context.newPage();
  // A page that sends no request of its own.
  await other.goto('/no/such/page');

  const old = await page.evaluate(() => JSON.parse(localStorage.getItem('docket.session')!).token);
  await request.post('/api/auth/revoke-sessions', { headers: { Authorization: `Bearer ${old}` } });
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    void page.route('**/api/auth/refresh', async (route) => {
      resolve();
      await new Promise<void>((release) => (answer = release));
      const problem = { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'No.', code: 'UNAUTHORIZED' };
      await route.fulfill({ status: 401, contentType: 'application/problem+json', json: problem });
    });
  });
  await tasks.newTask().fill('Written meanwhile');
  await tasks.newTask().press('Enter');
  await asked;
  // As the sign-in page of the other tab does it.
  const token: string = await other.evaluate(async ({ email, password }) => {
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ email, password });
    const { token, user } = await (await fetch('/api/auth/sign-in/email', { method: 'POST', headers, body })).json();
    localStorage.setItem('docket.session', JSON.stringify({ token, user }));
    return token;
  }, owner);
  answer();
  const written = { title: 'Written meanwhile', completed: false };
  await expect.poll(() => stored(request, { ...owner, token })).toEqual([written]);
  await expect(tasks.heading()).toBeVisible();
  await page.reload();
  await tasks.shows(['Written meanwhile']);
});

/** Expects that nothing in the reach of a page, and no cookie, says anything about the person. */
async function expectNothingOf(page: Page, owner: Owner, context: BrowserContext) {
  const found = await everythingIn(page);
  const cookies = JSON.stringify(await context.cookies());
  const words = [owner.id, owner.email, owner.email.split('@')[0], 'plants', 'Grace', 'thought', 'Written', owner.password];
  for (const word of words) expect(found + cookies, word).not.toContain(word);
  const cached = await page.evaluate(async (id) => {
    const read = (url: string) =>
      fetch(url, { cache: 'only-if-cached', mode: 'same-origin' }).then((answer) => answer.ok, () => false);
    const urls = performance.getEntriesByType('resource').map((entry) => entry.name);
    const own = urls.filter((url) => url.includes(id) || url.includes('/api/auth/'));
    return (await Promise.all(own.map(read))).filter(Boolean).length;
  }, owner.id);
  expect(cached, 'responses in the HTTP cache').toBe(0);
}

/** What this tab shows, and all that pages of this origin have stored. */
function everythingIn(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const databases = (await indexedDB.databases()).map(({ name }) => name);
    const caches_ = await caches.keys();
    const inputs = [...document.querySelectorAll('input, textarea')].map((input) => (input as HTMLInputElement).value);
    return JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      databases,
      caches_,
      document.cookie,
      window.name,
      history.state,
      location.href,
      document.title,
      document.documentElement.outerHTML,
      inputs,
    ]);
  });
}

async function refreshCookies(context: BrowserContext) {
  return (await context.cookies()).filter(({ name }) => name.includes('refresh')).map(({ name }) => name);
}
