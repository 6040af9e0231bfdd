// The page of the tasks, with its elements by role and name.
import { type APIRequestContext, type Page, expect } from '@playwright/test';
import { type Draft, addTasks, member, signIn } from './people.ts';

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

  /** The banner while changes cannot be sent. */
  readonly banner = () => this.page.getByRole('main').getByText('Changes are saved on this device');

  /** A button of the filter, with the number of tasks that it shows. */
  readonly show = (which: 'All' | 'Pending' | 'Completed', count?: number) =>
    this.page
      .getByRole('group', { name: 'Show' })
      .getByRole('button', { name: count === undefined ? new RegExp(`^${which}`) : `${which} ${count}` });

  /** The input for the title in an editor. */
  readonly title = () => this.page.getByRole('textbox', { name: 'Title' });
  /** Saves the editor. */
  readonly save = () => this.page.getByRole('button', { name: 'Save', exact: true }).click();

  /** Adds a task with the form. */
  async add(title: string) {
    await this.newTask().fill(title);
    await this.newTask().press('Enter');
    await expect(this.box(title)).toBeVisible();
  }

  /** Deletes a task for good: closes the toast that offers to undo it. */
  async delete(title: string) {
    await this.remove(title).click();
    await this.page.getByRole('button', { name: 'Dismiss' }).click();
  }

  /** Expects these titles in the list, in this order. */
  async shows(titles: string[]) {
    if (titles.length === 0) await expect(this.page.getByRole('checkbox')).toHaveCount(0);
    else await expect(this.list().getByRole('listitem')).toContainText(titles);
  }
}

/** Signs in a new person with these tasks. */
export async function openTasks(page: Page, request: APIRequestContext, drafts: Draft[] = []) {
  const owner = await member(request);
  await addTasks(request, owner, drafts);
  await signIn(page, owner);
  return { owner, tasks: new TaskScreen(page) };
}
