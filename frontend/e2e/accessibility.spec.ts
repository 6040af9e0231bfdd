import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './support/test.ts';
import { addTasks, alert, fillSignIn, heading, member, signIn } from './support/people.ts';
import { TaskScreen } from './support/screen.ts';
import { SettingsScreen } from './support/account.ts';
import { appCode } from './support/totp.ts';

test.use({ contextOptions: { reducedMotion: 'reduce' } });

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('no violations without an account', async ({ page }) => {
      await page.goto('/login');
      await expect(heading(page, 'Sign in')).toBeVisible();
      await clean(page);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
      await clean(page);
      await page.goto('/signup');
      await expect(heading(page, 'Create your account')).toBeVisible();
      await clean(page);
      await page.goto('/forgot-password');
      await expect(page.getByText('This server does not send e-mail')).toBeVisible();
      await clean(page);
      await page.goto('/reset-password#token=made-up');
      await page.getByRole('button', { name: 'Change password' }).click();
      await expect(page.getByLabel('New password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
      await clean(page);
      await page.goto('/verify-email#token=made-up');
      await page.getByRole('button', { name: 'Confirm', exact: true }).click();
      await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
      await clean(page);
      await page.goto('/confirm-email-change#token=made-up');
      await page.getByRole('button', { name: 'Confirm', exact: true }).click();
      await expect(alert(page)).toBeVisible();
      await clean(page);
      await page.goto('/undo-email-change#token=made-up');
      await expect(heading(page, 'Restore your e-mail address')).toBeVisible();
      await clean(page);
      await page.goto('/no/such/page');
      await expect(heading(page, 'Page not found')).toBeVisible();
      await clean(page);
    });

    test('no violations with tasks', async ({ page, context, request }) => {
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

    test('no violations in conflicts', async ({ page, request }) => {
      const owner = await member(request);
      const tasks = new TaskScreen(page);
      await addTasks(request, owner, [{ title: 'Tea', description: 'Two bags.' }, { title: 'Milk' }]);
      await signIn(page, owner);
      for (const title of ['Tea', 'Milk']) {
        await tasks.edit(title).click();
        await page.getByRole('textbox', { name: 'Title' }).first().fill(`Green ${title}`);
      }
      const headers = { Authorization: `Bearer ${owner.token}` };
      const [milk, tea] = await (await request.get(`/api/${owner.id}/tasks`, { headers })).json();
      await request.delete(`/api/${owner.id}/tasks/${milk.id}`, { headers });
      await request.put(`/api/${owner.id}/tasks/${tea.id}`, { headers, data: { title: 'x'.repeat(200) } });
      await page.getByRole('form', { name: 'Edit Tea' }).getByRole('button', { name: 'Save' }).click();
      await page.getByRole('form', { name: 'Edit Milk' }).getByRole('button', { name: 'Save' }).click();
      await expect(page.getByRole('form', { name: 'was changed on another device' })).toBeVisible();
      await expect(page.getByRole('form', { name: 'was deleted on another device' })).toBeVisible();
      await clean(page);
      await page.getByRole('radio', { name: /^Keep what I typed here/ }).check();
      await clean(page);
    });

    test('no violations in the settings', async ({ page, request }) => {
      const owner = await member(request);
      const settings = new SettingsScreen(page);
      await signIn(page, owner);
      await settings.open();
      await expect(settings.devices()).toHaveCount(2);
      await settings.button('Change password').click();
      await expect(settings.field('Current password')).toHaveAttribute('aria-invalid', 'true');
      await clean(page);
      await settings.button('Delete account').click();
      await expect(settings.dialog('Delete your account')).toBeVisible();
      await clean(page);
      await page.keyboard.press('Escape');
      await settings.button('Set up two-factor').click();
      await settings.enterPassword('Set up two-factor', owner.password, 'Continue');
      const section = settings.section('Two-factor');
      await expect(section.getByRole('img')).toBeVisible();
      await clean(page);
      await settings.field('Code').fill(appCode(`otpauth://totp/?secret=${await section.getByRole('code').textContent()}`));
      await settings.button('Turn on two-factor').click();
      await expect(section.getByRole('listitem')).toHaveCount(10);
      await clean(page);
      await page.goto('/tasks');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await fillSignIn(page, owner);
      await expect(heading(page, 'Enter your code')).toBeVisible();
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
  // The page does not scroll sideways.
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
}
