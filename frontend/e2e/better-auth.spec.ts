// The browser client of Better Auth, as published on npm, works with the server.
import { createAuthClient } from 'better-auth/client';
import { twoFactorClient } from 'better-auth/client/plugins';
import { expect, test } from './support/test.ts';
import { type Person, newPerson } from './support/people.ts';
import { appCode } from './support/totp.ts';

test('sign-up, profile changes and deletion', async ({ baseURL }) => {
  const person = newPerson();
  const { auth, use } = client(baseURL);
  const signedUp = granted(await auth.signUp.email(person));
  expect(signedUp.user).toMatchObject({ name: person.name, email: person.email, emailVerified: false, image: null });
  use(signedUp.token);
  const current = granted(await auth.getSession());
  expect(current.user).toEqual(signedUp.user);
  expect(current.user.createdAt).toBeInstanceOf(Date);
  expect(current.session).toMatchObject({ userId: current.user.id, expiresAt: expect.any(Date) });

  expect(granted(await auth.updateUser({ name: 'Other' }))).toEqual({ status: true });
  expect(granted(await auth.getSession()).user.name).toBe('Other');
  const newEmail = newPerson().email;
  expect(granted(await auth.changeEmail({ newEmail, callbackURL: '/settings' }))).toMatchObject({ status: true });
  expect(granted(await auth.getSession()).user.email).toBe(newEmail);

  const deleted = granted(await auth.deleteUser({ password: person.password }));
  expect(deleted).toEqual({ success: true, message: 'User deleted' });
  expect(granted(await auth.getSession())).toBeNull();
  expect(refused(await auth.signIn.email({ email: newEmail, password: person.password }))).toMatchObject({
    status: 401,
    code: 'INVALID_EMAIL_OR_PASSWORD',
  });
});

test('several devices', async ({ baseURL }) => {
  const person = newPerson();
  const first = await signedUp(baseURL, person);
  const [second, third, fourth] = [
    await signedIn(baseURL, person),
    await signedIn(baseURL, person),
    await signedIn(baseURL, person),
  ];
  const sessions = granted(await first.listSessions());
  expect(sessions).toHaveLength(4);
  expect(sessions[0]).toMatchObject({ createdAt: expect.any(Date), expiresAt: expect.any(Date) });

  const { session } = granted(await second.getSession());
  expect(granted(await first.revokeSession({ token: session.token }))).toEqual({ status: true });
  expect(granted(await second.getSession())).toBeNull();
  expect(granted(await third.signOut())).toEqual({ success: true });
  expect(granted(await third.getSession())).toBeNull();
  expect(granted(await first.revokeOtherSessions())).toEqual({ status: true });
  expect(granted(await fourth.getSession())).toBeNull();
  expect(granted(await first.listSessions())).toHaveLength(1);
  expect(granted(await first.revokeSessions())).toEqual({ status: true });
  expect(refused(await first.listSessions())).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
});

test('change of the password', async ({ baseURL }) => {
  const person = newPerson();
  const newPassword = 'staple after staple';
  const { auth, use } = client(baseURL);
  use(granted(await auth.signUp.email(person)).token);
  const elsewhere = await signedIn(baseURL, person);
  const change = { currentPassword: person.password, newPassword, revokeOtherSessions: true };
  expect(refused(await auth.changePassword({ ...change, currentPassword: 'not the password' }))).toMatchObject({
    status: 400,
    code: 'INVALID_PASSWORD',
  });
  const changed = granted(await auth.changePassword(change));
  expect(granted(await auth.getSession())).toBeNull();
  use(changed.token);
  expect(granted(await auth.getSession()).user).toEqual(changed.user);
  expect(granted(await elsewhere.getSession())).toBeNull();
  const { email, password } = person;
  expect(refused(await auth.signIn.email({ email, password }))).toMatchObject({ code: 'INVALID_EMAIL_OR_PASSWORD' });
  await signedIn(baseURL, { ...person, password: newPassword });
});

test('two-factor authentication', async ({ baseURL }) => {
  const person = newPerson();
  const { email, password } = person;
  const { auth, use } = client(baseURL);
  use(granted(await auth.signUp.email(person)).token);
  const setup = granted(await auth.twoFactor.enable({ password }));
  expect(setup).toMatchObject({ totpURI: expect.stringMatching(/^otpauth:/), backupCodes: expect.any(Array) });
  const uri = 'totpURI' in setup ? setup.totpURI : '';
  const before = granted(await auth.getSession()).session.id;
  // As on Better Auth's server, a new session replaces this one.
  use(granted(await auth.twoFactor.verifyTotp({ code: appCode(uri) })).token);
  expect(granted(await auth.getSession()).session.id).not.toBe(before);
  expect(granted(await auth.getSession()).user).toMatchObject({ twoFactorEnabled: true });

  // A browser would store the cookie.
  let cookie = '';
  const device = client(baseURL);
  const keep = ({ response }: { response: Response }) => void (cookie = response.headers.get('set-cookie') ?? '');
  const half = granted(await device.auth.signIn.email({ email, password }, { onSuccess: keep }));
  expect(half).toEqual({ twoFactorRedirect: true, twoFactorMethods: ['totp'] });
  const headers = { Cookie: cookie.split(';')[0] ?? '' };
  expect(refused(await device.auth.twoFactor.verifyTotp({ code: '000000' }, { headers }))).toMatchObject({
    status: 401,
    code: 'INVALID_CODE',
  });
  const whole = granted(await device.auth.twoFactor.verifyTotp({ code: appCode(uri, 1) }, { headers }));
  device.use(whole.token);
  expect(granted(await device.auth.getSession()).user.email).toBe(email);

  // Unlike Better Auth's server, these require a code, which the client sends as a further member of the body.
  expect(refused(await auth.twoFactor.disable({ password }))).toMatchObject({ code: 'TWO_FACTOR_CODE_REQUIRED' });
  const withSetupCode = { password, code: 'backupCodes' in setup ? setup.backupCodes[0] : '' };
  const renewed = granted(await auth.twoFactor.generateBackupCodes(withSetupCode));
  expect(renewed.backupCodes).toHaveLength(10);
  const withNewCode = { password, code: renewed.backupCodes[0] };
  expect(granted(await auth.twoFactor.disable(withNewCode))).toEqual({ status: true });
  await signedIn(baseURL, person);
});

test('request of a password reset', async ({ baseURL }) => {
  const { auth } = client(baseURL);
  const asked = granted(await auth.requestPasswordReset({ email: newPerson().email, redirectTo: '/reset-password' }));
  expect(asked).toMatchObject({ status: true, message: expect.stringMatching(/\w/) });
});

test('errors have a message and a code', async ({ baseURL }) => {
  const person = newPerson();
  const { auth } = client(baseURL);
  await signedUp(baseURL, person);
  expect(refused(await auth.signUp.email(person))).toMatchObject({
    status: 422,
    code: 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL',
    message: expect.stringMatching(/\w/),
  });
  expect(refused(await auth.signIn.email({ email: person.email, password: 'not the password' }))).toMatchObject({
    status: 401,
    code: 'INVALID_EMAIL_OR_PASSWORD',
    message: expect.stringMatching(/\w/),
  });
  expect(refused(await auth.updateUser({ name: 'Other' }))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
});

/** A client, and a function that sets its bearer token. */
function client(baseURL: string | undefined) {
  let current: string | undefined;
  const auth = createAuthClient({
    baseURL,
    fetchOptions: { auth: { type: 'Bearer', token: () => current } },
    plugins: [twoFactorClient()],
  });
  return { auth, use: (token: string | null) => void (current = token ?? undefined) };
}

/** A client that has signed up. */
async function signedUp(baseURL: string | undefined, person: Person) {
  const { auth, use } = client(baseURL);
  use(granted(await auth.signUp.email(person)).token);
  return auth;
}

/** A client that has signed in. */
async function signedIn(baseURL: string | undefined, { email, password }: Person) {
  const { auth, use } = client(baseURL);
  const answer = granted(await auth.signIn.email({ email, password, rememberMe: true, callbackURL: '/tasks' }));
  expect(answer.redirect).toBe(false);
  use(answer.token);
  return auth;
}

function granted<T>({ data, error }: { data: T; error: unknown }): NonNullable<T> {
  expect(error).toBeNull();
  return data!;
}

function refused<E>({ data, error }: { data: unknown; error: E }): NonNullable<E> {
  expect(data).toBeNull();
  return error!;
}
