import { get } from 'node:http';
import { expect, test } from './support/test.ts';
import { heading } from './support/people.ts';

const BUDGET = 180_000;

test('the first visit transfers less than 180 kB', async ({ page, baseURL }) => {
  const visited = new Set<string>();
  page.on('response', (answer) => visited.add(answer.url()));
  await page.goto('/');
  await expect(heading(page, 'Sign in')).toBeVisible();
  await page.waitForLoadState('networkidle');

  const files = [...visited].filter((url) => url.startsWith(`${baseURL}/`) && !url.includes('/api/'));
  const sizes = await Promise.all(files.map(async (url) => ({ url, bytes: await transferred(url) })));
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(sizes.map(({ url, bytes }) => `${bytes} ${new URL(url).pathname}`).join('\n'));
  console.log(`${total} of ${BUDGET} bytes`);
  expect(files.some((url) => url.endsWith('.wasm'))).toBe(true);
  expect(total).toBeLessThan(BUDGET);
  expect(
    [...visited].filter((url) => !url.startsWith(`${baseURL}/`) && !url.startsWith('data:')),
    'loaded from elsewhere',
  ).toEqual([]);
});

/** The size of a body with brotli. */
function transferred(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'Accept-Encoding': 'br' } }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
      answer.on('end', () => resolve(bytes));
    }).on('error', reject);
  });
}
