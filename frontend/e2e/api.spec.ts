// Calls every endpoint with a client generated from the OpenAPI document; the compiler checks requests and responses.
import { randomUUID } from 'node:crypto';
import createClient from 'openapi-fetch';
import { expect, test } from './support/test.ts';
import { newPerson } from './support/people.ts';
import { appCode } from './support/totp.ts';
import type { paths } from './support/api.d.ts';

test('a generated client can call every endpoint', async ({ baseURL, request }) => {
  const called = new Set<string>();
  const api = createClient<paths>({ baseUrl: baseURL });
  api.use({ onRequest: ({ request, schemaPath }) => void called.add(`${request.method.toLowerCase()} ${schemaPath}`) });
  const person = newPerson();

  const signedUp = await api.POST('/api/auth/sign-up/email', { body: person });
  expect(signedUp.data?.user.email).toBe(person.email);
  const { name: _, ...credentials } = person;
  const signedIn = await api.POST('/api/auth/sign-in/email', { body: credentials });
  expect(signedIn.data).toMatchObject({ redirect: false });
  const refreshed = await api.POST('/api/auth/refresh', {
    body: {},
    headers: cookie(signedIn.response, 'docket_refresh'),
  });
  const { user } = refreshed.data!;
  let { token } = refreshed.data!;
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

  const { password } = person;
  expect((await api.GET('/api/auth/capabilities')).data).toMatchObject({ mail: false });
  expect((await api.GET('/api/auth/jwks')).data).toEqual({ keys: [] });
  expect((await api.GET('/api/auth/token')).data?.token).toMatch(/^ey/);
  expect((await api.POST('/api/auth/update-user', { body: { name: 'Other' } })).data).toEqual({ status: true });
  expect((await api.POST('/api/auth/verify-password', { body: { password } })).data).toEqual({ status: true });
  const newEmail = newPerson().email;
  expect((await api.POST('/api/auth/change-email', { body: { newEmail } })).data).toEqual({ status: true });
  const exported = await api.GET('/api/auth/export');
  expect(exported.data).toMatchObject({ user: { name: 'Other', email: newEmail }, tasks: [] });
  const happened = await api.GET('/api/auth/activity', { params: { query: { limit: 500 } } });
  expect(happened.data?.at(-1)?.event).toBe('signed_up');

  const notified = await api.POST('/api/auth/notifications', { body: { newDevice: false } });
  expect(notified.data).toMatchObject({ newDevice: false, accountDeleted: true });
  expect((await api.GET('/api/auth/notifications')).data).toEqual(notified.data);

  const devices = await api.GET('/api/auth/list-sessions');
  expect(devices.data).toHaveLength(2);
  const revoked = await api.POST('/api/auth/revoke-session', { body: { token: devices.data!.at(-1)!.token } });
  expect(revoked.data).toEqual({ status: true });
  expect((await api.POST('/api/auth/revoke-other-sessions')).data).toEqual({ status: true });

  const setup = await api.POST('/api/auth/two-factor/enable', { body: { password } });
  const address = setup.data!.totpURI;
  const turnedOn = await api.POST('/api/auth/two-factor/verify-totp', { body: { code: appCode(address) } });
  expect(turnedOn.data?.user.twoFactorEnabled).toBe(true);
  token = turnedOn.data!.token;
  const missing = await api.POST('/api/auth/two-factor/disable', { body: { password } });
  expect(missing.error?.code).toBe('TWO_FACTOR_CODE_REQUIRED');
  const codes = await api.POST('/api/auth/two-factor/generate-backup-codes', {
    body: { password, code: setup.data!.backupCodes[0]! },
  });
  const half = await api.POST('/api/auth/sign-in/email', { body: { email: newEmail, password } });
  expect(half.data).toEqual({ twoFactorRedirect: true, twoFactorMethods: ['totp'] });
  const whole = await api.POST('/api/auth/two-factor/verify-backup-code', {
    body: { code: codes.data!.backupCodes[0]! },
    headers: cookie(half.response, 'docket_two_factor'),
  });
  expect(whole.data?.user.id).toBe(user.id);
  const off = await api.POST('/api/auth/two-factor/disable', { body: { password, code: codes.data!.backupCodes[1]! } });
  expect(off.data).toEqual({ status: true });

  const forgotten = await api.POST('/api/auth/request-password-reset', { body: { email: newEmail } });
  expect(forgotten.data?.status).toBe(true);
  const asked = await api.POST('/api/auth/send-verification-email', { body: { email: newEmail } });
  expect(asked.data).toEqual({ status: true });
  const reset = { token: 'made-up', newPassword: 'staple after staple' };
  expect((await api.POST('/api/auth/reset-password', { body: reset })).error?.code).toBe('INVALID_TOKEN');
  const verification = { token: 'made-up', password };
  const verified = await api.POST('/api/auth/verify-email', { body: verification });
  expect(verified.error?.code).toBe('INVALID_TOKEN');
  const confirmed = await api.POST('/api/auth/confirm-email-change', { body: { token: 'made-up' } });
  expect(confirmed.error?.code).toBe('INVALID_TOKEN');
  expect((await api.POST('/api/auth/undo-email-change', { body: reset })).error?.code).toBe('INVALID_TOKEN');

  const change = { currentPassword: password, newPassword: 'staple after staple' };
  const changed = await api.POST('/api/auth/change-password', { body: change });
  token = changed.data!.token;
  expect((await api.POST('/api/auth/sign-out')).data?.success).toBe(true);
  const again = { email: newEmail, password: change.newPassword };
  token = await newToken();
  expect((await api.POST('/api/auth/revoke-sessions')).data).toEqual({ status: true });
  token = await newToken();
  const gone = await api.POST('/api/auth/delete-user', { body: { password: again.password } });
  expect(gone.data?.success).toBe(true);
  async function newToken() {
    const { data } = await api.POST('/api/auth/sign-in/email', { body: again });
    return data && 'token' in data ? data.token : '';
  }

  const document = await (await request.get('/openapi.json')).json();
  const described = Object.entries<object>(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`),
  );
  expect([...called].sort()).toEqual(described.sort());
});

/** The header that sends a cookie of a response back, as a browser does by itself. */
function cookie(answer: Response, name: string) {
  const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '');
  return { Cookie: cookies.find((cookie) => cookie.startsWith(`${name}=`)) ?? '' };
}
