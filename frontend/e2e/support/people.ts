// Accounts and tasks, created through the API unless a test is about creating them, and the forms of the sign-in pages.
import { randomUUID } from 'node:crypto';
import { type APIRequestContext, type Page, expect } from '@playwright/test';

export interface Person {
  name: string;
  email: string;
  password: string;
}

/** A person without an account. */
export function newPerson(): Person {
  return { name: 'Owner', email: `owner-${randomUUID()}@example.com`, password: 'correct horse battery' };
}

/** A person with an account. */
export async function member(request: APIRequestContext): Promise<Person & { id: string; token: string }> {
  const person = newPerson();
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

/** Adds tasks in this order. */
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

/** The tasks of a person on the server, newest first. */
export async function stored(request: APIRequestContext, owner: { id: string; token: string }) {
  const answer = await request.get(`/api/${owner.id}/tasks`, { headers: { Authorization: `Bearer ${owner.token}` } });
  const tasks: Required<Draft>[] = await answer.json();
  return tasks.map(({ title, completed }) => ({ title, completed }));
}

/** The heading of the page. */
export function heading(page: Page, name: string) {
  return page.getByRole('heading', { level: 1, name });
}

/** A message about the form as a whole. */
export function alert(page: Page) {
  return page.getByRole('alert').filter({ hasText: /\w/ });
}

export async function signIn(page: Page, person: Person) {
  await page.goto('/login');
  await fillSignIn(page, person);
  await expect(heading(page, 'Tasks')).toBeVisible();
}

export async function fillSignIn(page: Page, person: Pick<Person, 'email' | 'password'>) {
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

export async function fillSignUp(page: Page, person: Person) {
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
}

export async function signOut(page: Page) {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(heading(page, 'Sign in')).toBeVisible();
}
