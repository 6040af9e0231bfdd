// A crowd that besieges a server, in a process of its own: `node siege-crowd.mjs KIND URL`. It prints a line when it is in place;
// when its standard input ends, it prints a line that says what it got, and ends.
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { send } from './bench-processes.mjs';
import { bytes, connect, request } from './siege-connection.mjs';

const [kind, url] = process.argv.slice(2);
/** The address of a crowd that has only one. */
const ADDRESS = '127.0.2.1';
const SIGN_IN = '/api/auth/sign-in/email';
const credentials = { email: 'greedy@example.com', password: 'correct horse battery' };
/** How often each outcome occurred: a status, or a connection that the server closed. */
const outcomes = new Map();

const count = (outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

/** Uses `number` connections at once until the end of the process. A closed connection is replaced. */
function crowd(number, use, address = () => ADDRESS) {
  const one = async (place) => {
    for (;;) {
      try {
        await use(await connect(url, address(place)));
      } catch {
        // The server closed the connection during a request.
      }
      count('closed');
      await setTimeout(100);
    }
  };
  for (let place = 0; place < number; place++) void one(place);
}

/** Repeats a request on `number` connections, without a pause. */
function flood(number, method, path, options, address) {
  const use = async (socket) => {
    for (;;) count((await request(socket, method, path, options)).status);
  };
  crowd(number, use, address);
}

/** Writes a byte a second on `number` connections, after `beginning`. */
function trickle(number, beginning) {
  const use = async (socket) => {
    socket.write(beginning);
    while (!socket.destroyed) {
      await setTimeout(1000);
      socket.write(' ');
    }
  };
  crowd(number, use);
}

/** A user with `number` tasks. */
async function user(number = 0) {
  const account = { name: 'Greedy', ...credentials };
  const { token, user } = await send('POST', `${url}/api/auth/sign-up/email`, account);
  const path = `/api/${user.id}/tasks`;
  const task = { title: 'One of many', description: 'A line of description. '.repeat(40) };
  for (let turn = 0; turn < number; turn++) await send('POST', `${url}${path}`, task, token);
  return { path, token };
}

const crowds = {
  idle: () =>
    crowd(1000, async (socket) => {
      await request(socket, 'GET', '/health/live');
      await once(socket, 'close');
    }),
  'slow headers': () => trickle(1000, 'GET / HTTP/1.1\r\nHost: docket\r\nX-Slow:'),
  'slow bodies': () => {
    const [head] = bytes('POST', SIGN_IN, { body: 'a'.repeat(1000) }).split('\r\n\r\n');
    trickle(1000, `${head}\r\n\r\n{`);
  },
  'unread responses': async () => {
    const { path, token } = await user(500);
    const list = bytes('GET', `${path}?limit=500`, { token });
    crowd(200, async (socket) => {
      socket.pause();
      socket.write(list.repeat(20));
      await once(socket, 'close');
    });
  },
  'sign-ins': async () => {
    await user();
    flood(320, 'POST', SIGN_IN, { body: credentials });
  },
  'sign-ins from many networks': async () => {
    await user();
    flood(320, 'POST', SIGN_IN, { body: credentials }, (place) => `127.0.3.${1 + (place % 100)}`);
  },
  writes: async () => {
    const { path, token } = await user();
    flood(50, 'POST', path, { token, body: { title: 'One more' } });
  },
  exports: async () => {
    const { token } = await user(500);
    flood(50, 'GET', '/api/auth/export', { token });
  },
  lists: async () => {
    const { path, token } = await user(500);
    flood(50, 'GET', `${path}?limit=500`, { token });
  },
};

await crowds[kind]();
await setTimeout(1000);
console.log('in place');
process.stdin.resume().once('end', () => {
  const got = [...outcomes].map(([outcome, number]) => `${number.toLocaleString('en')} x ${outcome}`);
  process.stdout.write(`${got.sort().join(', ')}\n`, () => process.exit());
});
