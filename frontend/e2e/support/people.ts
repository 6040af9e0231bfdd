// Accounts and tasks, made through the API where the making is not what a test is about.
import { randomUUID } from 'node:crypto';
import { type APIRequestContext, type Page, expect } from '@playwright/test';

export interface Person {
  name: string;
  email: string;
  password: string;
}

/** Somebody who has no account yet. */
export function stranger(): Person {
  return { name: 'Owner', email: `owner-${randomUUID()}@example.com`, password: 'correct horse battery' };
}

/** Somebody who has an account. */
export async function member(request: APIRequestContext): Promise<Person & { id: string; token: string }> {
  const person = stranger();
  const answer = await request.post('/api/auth/sign-up/email', { data: person });
  expect(answer.status()).toBe(200);
  const { token, user } = await answer.json();
  return { ...person, id: user.id, token };
}

export interface Draft {
  title: string;
  description?: string;
  due_date?: string;
  completed?: boolean;
}

/** Adds tasks, the first of them first. */
export async function addTasks(request: APIRequestContext, owner: { id: string; token: string }, drafts: Draft[]) {
  const headers = { Authorization: `Bearer ${owner.token}` };
  for (const { completed, ...data } of drafts) {
    const answer = await request.post(`/api/${owner.id}/tasks`, { data, headers });
    expect(answer.status()).toBe(201);
    if (completed) {
      const { id } = await answer.json();
      await request.patch(`/api/${owner.id}/tasks/${id}/complete`, { data: { completed }, headers });
    }
  }
}

/** What the server has of somebody's tasks, newest first. */
export async function stored(request: APIRequestContext, owner: { id: string; token: string }) {
  const answer = await request.get(`/api/${owner.id}/tasks`, { headers: { Authorization: `Bearer ${owner.token}` } });
  const tasks: Required<Draft>[] = await answer.json();
  return tasks.map(({ title, completed }) => ({ title, completed }));
}

export async function signIn(page: Page, person: Person) {
  await page.goto('/login');
  await fillSignIn(page, person);
  await expect(page.getByRole('heading', { level: 1, name: 'Tasks' })).toBeVisible();
}

export async function fillSignIn(page: Page, person: Pick<Person, 'email' | 'password'>) {
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
