import { expect, test } from './support/test.ts';
import { addTasks, member, signIn } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';

test('two users never see the tasks of the other', async ({ browser, baseURL, page, request }) => {
  const first = await member(request);
  const second = await member(request);
  await addTasks(request, first, [{ title: 'Only for the first' }]);
  await addTasks(request, second, [{ title: 'Only for the second' }]);

  const elsewhere = await browser.newContext({ baseURL });
  const other = await elsewhere.newPage();
  await signIn(page, first);
  await signIn(other, second);
  await new TaskScreen(page).shows(['Only for the first']);
  await new TaskScreen(other).shows(['Only for the second']);
  await elsewhere.close();
});

test('the next user of a device sees nothing of the previous one', async ({ page, request }) => {
  const first = await member(request);
  const second = await member(request);
  await addTasks(request, first, [{ title: 'Only for the first' }]);
  await signIn(page, first);
  await new TaskScreen(page).shows(['Only for the first']);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(page, second);
  await new TaskScreen(page).shows([]);
  await expect(page.getByText('Only for the first')).toHaveCount(0);
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('Only for the first');
});
