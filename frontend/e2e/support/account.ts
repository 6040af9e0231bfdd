// The settings page, with its elements by role and name.
import { type APIRequestContext, type Page, expect } from '@playwright/test';
import { heading, member, signIn } from './people.ts';

export class SettingsScreen {
  constructor(readonly page: Page) {}

  readonly section = (name: string) => this.page.getByRole('region', { name, exact: true });
  readonly dialog = (name: string) => this.page.getByRole('dialog', { name, exact: true });
  readonly devices = () => this.page.getByRole('list', { name: 'Devices' }).getByRole('listitem');
  readonly activity = () => this.page.getByRole('list', { name: 'Activity' }).getByRole('listitem');
  readonly button = (name: string) => this.page.getByRole('button', { name, exact: true });

  /** An input in a section or a dialog. */
  readonly field = (name: string) => this.page.getByLabel(name, { exact: true });

  /** Opens the page of the person who is signed in. */
  async open() {
    await this.page.goto('/settings');
    await expect(heading(this.page, 'Settings')).toBeVisible();
    await expect(this.devices().first()).toBeVisible();
  }

  /** Expects a toast. */
  async says(text: string | RegExp) {
    await expect(this.page.getByRole('status').getByText(text)).toBeVisible();
  }

  /** Enters the password in a dialog, and a two-factor code if it asks for one. */
  async enterPassword(dialog: string, password: string, button: string, code?: string) {
    await this.dialog(dialog).getByLabel('Password', { exact: true }).fill(password);
    await expect(this.dialog(dialog).getByLabel('Code', { exact: true })).toHaveCount(code === undefined ? 0 : 1);
    if (code !== undefined) await this.dialog(dialog).getByLabel('Code', { exact: true }).fill(code);
    await this.dialog(dialog).getByRole('button', { name: button, exact: true }).click();
  }
}

/** Signs in a new person and opens the settings. */
export async function openSettings(page: Page, request: APIRequestContext) {
  const owner = await member(request);
  const settings = new SettingsScreen(page);
  await signIn(page, owner);
  await settings.open();
  return { owner, settings };
}
