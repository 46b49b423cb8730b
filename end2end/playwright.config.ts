// Three people: at a desk in Korean, on a phone in English at night, and one without scripts.
import { defineConfig, devices } from '@playwright/test';
import { kept, chromium } from './tests/madang';

export default defineConfig({
  testDir: './tests',
  globalSetup: './tests/python.ts',
  outputDir: `${kept}/traces`,
  fullyParallel: true,
  forbidOnly: !!process.env.CI,
  // Each test has a server of its own.
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: `${kept}/report.json` }]],
  use: {
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: chromium,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    {
      name: 'desktop-ko',
      use: { ...devices['Desktop Chrome'], viewport: { width: 1280, height: 800 }, locale: 'ko-KR', colorScheme: 'light' },
    },
    {
      name: 'phone-en-dark',
      use: { ...devices['Pixel 7'], locale: 'en-GB', colorScheme: 'dark' },
    },
    {
      name: 'without-script',
      use: { ...devices['Desktop Chrome'], locale: 'ko-KR', javaScriptEnabled: false },
    },
  ],
});
