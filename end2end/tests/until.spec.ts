// How long a command waits for a device that is away: until a moment of one's own.
import type { Page } from '@playwright/test';
import { enrolAndClaim, open } from './device';
import { expect, looked, scripted, setUp, test } from './person';

const HOUR_MS = 3_600_000;
test.use({ timezoneId: 'Asia/Seoul' });

/** A whole minute, so many hours from now. */
function ahead(hours: number): number {
  return Math.ceil(Date.now() / 60_000) * 60_000 + hours * HOUR_MS;
}

/** A moment as this person types it: in Korea, or without a script in UTC. */
function typed(at: number): string {
  return new Date(at + (scripted() ? 9 * HOUR_MS : 0)).toISOString().slice(0, 16);
}

/** What cannot be is refused beside the field, and stays there to be mended. */
async function refused(page: Page, send: () => Promise<void>): Promise<void> {
  const until = page.locator('[name=until]');
  const about = page.locator('#until-about');
  await expect(about, 'the zone is said').toContainText(scripted() ? 'UTC+09:00' : 'UTC');
  for (const [at, why] of [
    [ahead(-3), /지난 시각|has passed/],
    [ahead(31 * 24), /30일|30 days/],
  ] as const) {
    await until.fill(typed(at));
    await send();
    await expect(about.locator('.wrong')).toHaveText(why);
    await expect(until, 'what was typed stays').toHaveValue(typed(at));
  }
}

test('a job waits for a device that is away until a moment of one’s own', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  await page.goto('/devices');
  await page.locator('input[name=device]').first().check();
  await page.locator('#pick button').click();
  await expect(page).toHaveURL(/\/jobs\/new\?device=/);
  const send = () => page.locator('form:has([name=concurrency]) button[type=submit]').click();
  await refused(page, send);
  await looked(page, 'job-until-refused');
  const at = ahead(3);
  await page.locator('[name=until]').fill(typed(at));
  await send();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}$/);
  const ends = await page.locator('.jobsum time').nth(1).getAttribute('datetime');
  expect(Math.abs(Date.parse(ends!) - at), 'that very moment').toBeLessThan(60_000);
});

test('any command waits until a moment of one’s own', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  await open(page);
  const device = new URL(page.url()).pathname;
  await page.goto(`${device}/debug`);
  const form = page.locator('form[action="/do/send_any"]');
  const until = form.locator('[name=until]');
  const unfolded = () =>
    expect(async () => {
      if (!(await until.isVisible())) await form.locator('summary').click({ timeout: 500 });
      await expect(until).toBeVisible({ timeout: 500 });
    }).toPass();
  await unfolded();
  await form.locator('[name=name]').fill('dance');
  await refused(page, () => form.locator('button[type=submit]').click());
  await expect(form.locator('[name=name]')).toHaveValue('dance');
  await looked(page, 'command-until-refused');
  const at = ahead(3);
  await until.fill(typed(at));
  await form.locator('button[type=submit]').click();
  await expect(page.locator('.anycommand:not(.forcing) .banner.good')).toBeVisible();
  const answer = await page.request.get(`/api${device}/commands`);
  const [command] = (await answer.json()) as { name: string; expires_at: number }[];
  expect(command.name).toBe('dance');
  expect(Math.abs(command.expires_at - at), 'that very moment').toBeLessThan(60_000);
});
