// A browser that notices everything that is wrong with a page, and a site of its own for each test.
import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { join } from 'node:path';
import { Madang, kept } from './madang';

export const administrator = { name: '김하늘', email: 'haneul@example.org', password: 'a long enough password 1' };
const invited = { name: '박바다', email: 'bada@example.org', password: 'another long password 2' };

interface Fixtures {
  /** What the site's configuration sets: `MADANG__TELEMETRY__REPORT_INTERVAL_MS`. */
  configured: Record<string, string>;
  madang: Madang;
  watched: void;
}

export const test = base.extend<Fixtures>({
  configured: [{}, { option: true }],
  madang: async ({ configured }, use, info) => {
    const madang = new Madang(`${info.project.name}-${info.testId}`, configured);
    await madang.start();
    await use(madang);
    await madang.close();
  },
  baseURL: async ({ madang }, use) => use(madang.ready.http),
  // Every page of every test: no console error, no page error, no request to another origin.
  watched: [
    async ({ context, madang }, use) => {
      const wrong: string[] = [];
      const watch = (page: Page) => {
        page.on('console', (message) => {
          if (message.type() === 'error' && !expected(message.text(), madang)) wrong.push(`console: ${message.text()}`);
        });
        page.on('pageerror', (error) => wrong.push(`page: ${error.message}`));
        page.on('request', (request) => {
          const url = new URL(request.url());
          const own = new URL(madang.ready.http).host;
          if (!['data:', 'blob:'].includes(url.protocol) && url.host !== own) wrong.push(`foreign: ${request.url()}`);
        });
      };
      context.pages().forEach(watch);
      context.on('page', watch);
      await use();
      expect(wrong).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

/** The browser reports an answer with an error status, and a server that is away: both happen on purpose. */
function expected(text: string, madang: Madang): boolean {
  return (
    /status of (401|403|404|409|422|429)/.test(text) ||
    (madang.wasAway && /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/.test(text))
  );
}

/** Whether this person's browser runs scripts. */
export function scripted(): boolean {
  return test.info().project.use.javaScriptEnabled !== false;
}

/** Whether this person reads Korean. */
export function inKorean(): boolean {
  return test.info().project.use.locale === 'ko-KR';
}

/** Waits until the page stands: everything is loaded, the fonts too. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('load');
  if (scripted()) await page.evaluate(() => document.fonts.ready.then(() => true));
}

/** The page as the person sees it is kept, and axe finds nothing in it. */
export async function looked(page: Page, name: string): Promise<void> {
  const info = test.info();
  await settled(page);
  await page.screenshot({ path: join(kept, 'screenshots', info.project.name, `${name}.png`), fullPage: true });
  if (!scripted()) return; // axe is a script itself
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([]);
}

/** Makes the first administrator through the page. */
export async function setUp(page: Page, madang: Madang): Promise<void> {
  await page.goto('/setup');
  await page.locator('[name=code]').fill(madang.ready.setup_code ?? '');
  await page.locator('[name=name]').fill(administrator.name);
  await page.locator('[name=email]').fill(administrator.email);
  await page.locator('[name=password]').fill(administrator.password);
  await page.locator('form[action="/do/set_up"] button[type=submit]').click();
  await expect(page).not.toHaveURL(/setup/);
}

/** The browser has forgotten who it was; no page is open that would miss its session. */
export async function forgotten(page: Page): Promise<void> {
  await page.goto('about:blank');
  await page.context().clearCookies();
}

/** Opens the page for it and signs in. */
export async function signIn(page: Page, who: { email: string; password: string }): Promise<void> {
  await page.goto('/sign-in');
  await submitSignIn(page, who);
}

/** Signs in on the page that is open. */
export async function submitSignIn(page: Page, who: { email: string; password: string }): Promise<void> {
  await page.locator('[name=email]').fill(who.email);
  await page.locator('[name=password]').fill(who.password);
  await page.locator('form[action^="/do/sign_in"] button[type=submit]').click();
}

/** Invites somebody through the page; gives the way in. */
export async function invite(page: Page): Promise<string> {
  await page.goto('/users');
  await page.locator('#invite [name=email]').fill(invited.email);
  await page.locator('#invite form:has([name=email]) button[type=submit]').click();
  const { pathname, search } = new URL(await page.locator('#invitation-link').inputValue());
  await looked(page, 'users-invited');
  return pathname + search;
}

/** Makes the invited person's account. */
export async function register(page: Page, way: string): Promise<void> {
  await page.goto(way);
  await looked(page, 'register');
  await page.locator('[name=name]').fill(invited.name);
  await page.locator('[name=email]').fill(invited.email);
  await page.locator('[name=password]').fill(invited.password);
  await page.locator('form[action="/do/register"] button[type=submit]').click();
  await expect(page).not.toHaveURL(/register/);
}

/** Invites somebody, who registers in this browser in place of the administrator. */
export async function member(page: Page): Promise<void> {
  const way = await invite(page);
  await forgotten(page);
  await register(page, way);
}
