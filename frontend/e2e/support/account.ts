// The page of the account as a person finds things on it: by role and name.
import { type Page, expect } from '@playwright/test';

export class SettingsScreen {
  constructor(readonly page: Page) {}

  readonly section = (name: string) => this.page.getByRole('region', { name, exact: true });
  readonly dialog = (name: string) => this.page.getByRole('dialog', { name, exact: true });
  readonly devices = () => this.page.getByRole('list', { name: 'Devices' }).getByRole('listitem');
  readonly activity = () => this.page.getByRole('list', { name: 'Activity' }).getByRole('listitem');
  readonly button = (name: string) => this.page.getByRole('button', { name, exact: true });

  /** What is typed into a section or a dialog. */
  readonly field = (name: string) => this.page.getByLabel(name, { exact: true });

  /** Opens the page of somebody who is signed in. */
  async open() {
    await this.page.goto('/settings');
    await expect(this.page.getByRole('heading', { level: 1, name: 'Settings' })).toBeVisible();
    await expect(this.devices().first()).toBeVisible();
  }

  async says(text: string | RegExp) {
    await expect(this.page.getByRole('status').getByText(text)).toBeVisible();
  }

  /** Gives the password that a dialog asks for. */
  async prove(dialog: string, password: string, button: string) {
    await this.dialog(dialog).getByLabel('Password', { exact: true }).fill(password);
    await this.dialog(dialog).getByRole('button', { name: button, exact: true }).click();
  }
}
