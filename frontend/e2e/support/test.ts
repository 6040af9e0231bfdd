// The fixtures of every test: a server per worker, and a check that the browser console has no errors.
import { test as base, expect } from '@playwright/test';
import { type Server, startServer } from './server.ts';

interface Worker {
  /** Environment variables of the server, for `test.use`. */
  settings: Record<string, string>;
  server: Server;
}

export const test = base.extend<{ quietConsole: void }, Worker>({
  settings: [{}, { scope: 'worker', option: true }],
  server: [
    async ({ settings }, use) => {
      const server = await startServer(settings);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  quietConsole: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => {
        // The browser logs failed requests by itself. How the page handles them is for the test to check.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
          errors.push(message.text());
        }
      });
      await use();
      expect(errors, 'errors in the browser console').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
