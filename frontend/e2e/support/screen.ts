// The task page as a person finds things on it: by role and name.
import { type Page, expect } from '@playwright/test';

export class TaskScreen {
  constructor(readonly page: Page) {}

  readonly heading = () => this.page.getByRole('heading', { level: 1, name: 'Tasks' });
  readonly newTask = () => this.page.getByRole('textbox', { name: 'New task' });
  readonly list = () => this.page.getByRole('list', { name: 'Tasks' });
  readonly box = (title: string) => this.page.getByRole('checkbox', { name: `Complete ${title}`, exact: true });
  readonly edit = (title: string) => this.page.getByRole('button', { name: `Edit ${title}`, exact: true });
  readonly remove = (title: string) => this.page.getByRole('button', { name: `Delete ${title}`, exact: true });
  readonly undo = () => this.page.getByRole('button', { name: 'Undo' });
  readonly sort = () => this.page.getByRole('combobox', { name: 'Sort by' });

  /** What is shown while changes cannot be sent. */
  readonly banner = () => this.page.getByRole('main').getByText('Changes are kept');

  /** One of the buttons that say which tasks are shown, with how many there are. */
  readonly show = (which: 'All' | 'Pending' | 'Completed', count?: number) =>
    this.page
      .getByRole('group', { name: 'Show' })
      .getByRole('button', { name: count === undefined ? new RegExp(`^${which}`) : `${which} ${count}` });

  async add(title: string) {
    await this.newTask().fill(title);
    await this.newTask().press('Enter');
    await expect(this.box(title)).toBeVisible();
  }

  /** The titles in the list are these, in this order. */
  async shows(titles: string[]) {
    if (titles.length === 0) await expect(this.page.getByRole('checkbox')).toHaveCount(0);
    else await expect(this.list().getByRole('listitem')).toContainText(titles);
  }
}
