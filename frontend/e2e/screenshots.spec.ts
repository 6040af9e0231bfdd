// Takes the pictures of the README; `just screenshots` runs it.
import { expect, test } from './support/test.ts';
import { addTasks, member, signIn } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';

/** The date in so many days, as a due date. */
const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('the task page', async ({ page, request }) => {
      const owner = await member(request);
      await addTasks(request, owner, [
        { title: 'Book the train to Bergen', description: 'Window seats, morning departure.', completed: true },
        { title: 'Return the library books', due_date: day(5) },
        { title: 'Ask the landlord about the boiler', completed: true },
        { title: 'Renew the passport', description: 'Two photographs and the old passport.', due_date: day(2) },
        { title: 'Plan the menu for Saturday', description: 'Eight people, two of them vegetarian.', due_date: day(1) },
        { title: 'Water the plants', due_date: day(0) },
      ]);
      await signIn(page, owner);
      await expect(new TaskScreen(page).box('Water the plants')).toBeVisible();
      await page.evaluate(() => document.fonts.ready);
      await page.mouse.move(0, 0);
      await page.screenshot({ path: `assets/readme-tasks-${colorScheme}.png`, animations: 'disabled' });
    });
  });
}
