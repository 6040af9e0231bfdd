// Calls every endpoint through a client generated from the OpenAPI document; the compiler checks what it is given and gets.
import { randomUUID } from 'node:crypto';
import createClient from 'openapi-fetch';
import { expect, test } from './support/test.ts';
import { stranger } from './support/people.ts';
import type { paths } from './support/api.d.ts';

test('a generated client can call every endpoint', async ({ baseURL, request }) => {
  const called = new Set<string>();
  const api = createClient<paths>({ baseUrl: baseURL });
  api.use({ onRequest: ({ request, schemaPath }) => void called.add(`${request.method.toLowerCase()} ${schemaPath}`) });
  const person = stranger();

  const signedUp = await api.POST('/api/auth/sign-up/email', { body: person });
  expect(signedUp.data?.user.email).toBe(person.email);
  const { name: _, ...credentials } = person;
  const signedIn = await api.POST('/api/auth/sign-in/email', { body: credentials });
  expect(signedIn.data?.redirect).toBe(false);
  const cookie = signedIn.response.headers.get('set-cookie')?.split(';')[0] ?? '';
  const refreshed = await api.POST('/api/auth/refresh', { body: {}, headers: { Cookie: cookie } });
  const { token, user } = refreshed.data!;
  api.use({
    onRequest({ request }) {
      request.headers.set('Authorization', `Bearer ${token}`);
    },
  });
  const current = await api.GET('/api/auth/get-session');
  expect(current.data?.user.id).toBe(user.id);

  const mine = { user_id: user.id };
  const id = randomUUID();
  const created = await api.POST('/api/{user_id}/tasks', {
    params: { path: mine, header: { 'Idempotency-Key': id } },
    body: { title: '  Water the plants ', due_date: '2031-03-09' },
  });
  expect(created.data).toMatchObject({ id, title: 'Water the plants', description: null, completed: false });
  expect(created.response.headers.get('location')).toContain(`/api/${user.id}/tasks/${id}`);

  const one = { params: { path: { ...mine, id } } };
  const toggled = await api.PATCH('/api/{user_id}/tasks/{id}/complete', one);
  expect(toggled.data?.completed).toBe(true);
  const set = await api.PATCH('/api/{user_id}/tasks/{id}/complete', { ...one, body: { completed: true } });
  expect(set.data?.completed).toBe(true);
  const updated = await api.PUT('/api/{user_id}/tasks/{id}', { ...one, body: { due_date: null } });
  expect(updated.data).toMatchObject({ due_date: null, completed: true });
  const read = await api.GET('/api/{user_id}/tasks/{id}', one);
  expect(read.data).toEqual(updated.data);
  const list = await api.GET('/api/{user_id}/tasks', {
    params: { path: mine, query: { status: 'completed', sort: 'title', order: 'desc', limit: 1 } },
  });
  expect(list.data).toEqual([read.data]);

  const refused = await api.POST('/api/{user_id}/tasks', { params: { path: mine }, body: { title: ' ' } });
  expect(refused.response.status).toBe(422);
  expect(refused.error).toMatchObject({ code: 'invalid', errors: [{ pointer: '/title' }] });

  expect((await api.DELETE('/api/{user_id}/tasks/{id}', one)).response.status).toBe(204);
  expect((await api.GET('/api/{user_id}/tasks/{id}', one)).error).toMatchObject({ code: 'not_found' });
  const signedOut = await api.POST('/api/auth/sign-out');
  expect(signedOut.data?.success).toBe(true);

  const document = await (await request.get('/openapi.json')).json();
  const described = Object.entries<object>(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`),
  );
  expect([...called].sort()).toEqual(described.sort());
});
