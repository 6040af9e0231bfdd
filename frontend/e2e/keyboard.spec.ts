import { type Locator, type Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { heading, member, newPerson, signIn } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';
import { SettingsScreen } from './support/account.ts';

test('all actions on tasks work with the keyboard', async ({ page }) => {
  const person = newPerson();
  const tasks = new TaskScreen(page);
  const keyboard = page.keyboard;
  await page.goto('/signup');
  await tabTo(page.getByRole('textbox', { name: 'Name' }));
  await keyboard.type(person.name);
  await tabTo(page.getByRole('textbox', { name: 'E-mail' }));
  await keyboard.type(person.email);
  await tabTo(page.getByLabel('Password', { exact: true }));
  await keyboard.type(person.password);
  await keyboard.press('Enter');
  await expect(tasks.heading()).toBeVisible();

  await tabTo(tasks.newTask());
  await keyboard.type('Water the plants');
  await keyboard.press('Enter');
  await expect(tasks.newTask()).toBeFocused();
  await keyboard.type('Post the letter');
  await keyboard.press('Enter');
  await tasks.shows(['Post the letter', 'Water the plants']);

  await tabTo(tasks.box('Water the plants'));
  await keyboard.press('Space');
  await expect(tasks.box('Water the plants')).toBeChecked();
  await expect(tasks.box('Water the plants')).toBeFocused();

  await tabTo(tasks.edit('Water the plants'));
  await keyboard.press('Enter');
  const title = page.getByRole('textbox', { name: 'Title' });
  await expect(title).toBeFocused();
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('Feed the plants');
  await keyboard.press('Enter');
  await expect(tasks.edit('Feed the plants')).toBeFocused();
  await keyboard.press('Enter');
  await expect(title).toBeFocused();
  await keyboard.press('Escape');
  await expect(tasks.edit('Feed the plants')).toBeFocused();

  await tabTo(tasks.remove('Feed the plants'));
  await keyboard.press('Enter');
  await tasks.shows(['Post the letter']);
  // The focus moves to another row, not to the top of the page.
  await expect.poll(() => page.evaluate(() => document.activeElement !== document.body)).toBe(true);
  await tabTo(tasks.undo());
  await keyboard.press('Enter');
  await tasks.shows(['Post the letter', 'Feed the plants']);

  await tabTo(tasks.show('Pending'));
  await keyboard.press('Space');
  await tasks.shows(['Post the letter']);
  await tabTo(page.getByRole('button', { name: 'Sign out' }));
  await keyboard.press('Enter');
  await expect(heading(page, 'Sign in')).toBeVisible();
});

test('all settings work with the keyboard', async ({ page, request }) => {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  const keyboard = page.keyboard;
  await signIn(page, owner);
  await tabTo(page.getByRole('link', { name: 'Settings of Owner' }));
  await keyboard.press('Enter');
  await expect(settings.devices()).toHaveCount(2);

  await tabTo(settings.field('Name'));
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('Other');
  await keyboard.press('Enter');
  await settings.says('Your name is saved');

  await tabTo(settings.field('Current password'));
  await keyboard.type(owner.password);
  await tabTo(settings.field('New password'));
  await keyboard.type('staple after staple');
  await keyboard.press('Enter');
  await settings.says(/^Your password is changed/);

  await tabTo(settings.button('Set up two-factor'));
  await keyboard.press('Enter');
  await expect(settings.dialog('Set up two-factor').getByLabel('Password', { exact: true })).toBeFocused();
  await keyboard.press('Escape');
  await expect(settings.button('Set up two-factor')).toBeFocused();

  await tabTo(settings.button('Delete account'));
  await keyboard.press('Space');
  await expect(settings.dialog('Delete your account').getByLabel('Password', { exact: true })).toBeFocused();
  await keyboard.type('staple after staple');
  await keyboard.press('Enter');
  await expect(heading(page, 'Your account is deleted')).toBeVisible();
});

/** Presses Tab until the element has the focus. */
async function tabTo(target: Locator) {
  const page: Page = target.page();
  for (let presses = 0; presses < 60; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  await expect(target).toBeFocused();
}
