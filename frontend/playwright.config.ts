import { defineConfig } from '@playwright/test';

// The browser is the system's Chromium, found by scripts/chromium.sh. Each worker starts its own server: e2e/support/server.ts.
const chromium = {
  browserName: 'chromium' as const,
  launchOptions: {
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-quic'],
  },
};
const desktop = { ...chromium, viewport: { width: 1440, height: 900 } };
const phone = { ...chromium, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const special = ['trunk-serve.spec.ts', 'screenshots.spec.ts'];

export default defineConfig({
  testDir: 'e2e',
  fullyParallel: true,
  forbidOnly: !!process.env.CI,
  workers: 2,
  timeout: 30_000,
  expect: { timeout: 10_000 },
  reporter: [['list'], ['html', { open: 'never' }]],
  use: { trace: { mode: 'retain-on-failure', screenshots: false }, locale: 'en-GB', timezoneId: 'Europe/Berlin' },
  projects: [
    { name: 'desktop', use: desktop, testIgnore: special },
    // Tests that do not depend on the size of the screen run once, on the desktop.
    { name: 'phone', use: phone, testIgnore: [...special, 'api.spec.ts', 'better-auth.spec.ts', 'weight.spec.ts', 'keyboard.spec.ts'] },
    { name: 'trunk-serve', use: desktop, testMatch: 'trunk-serve.spec.ts' },
    { name: 'screenshots', use: { ...chromium, viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2 }, testMatch: 'screenshots.spec.ts' },
  ],
});
