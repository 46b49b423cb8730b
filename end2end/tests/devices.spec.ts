// From the box to the first value, and what is true about a device afterwards.
import { once } from 'node:events';
import type { Page } from '@playwright/test';
import type { Madang } from './madang';
import { expect, looked, setUp, test } from './person';

const serial = 'JOURNEY-0001';

/** Pre-registers through the page; gives the enrolment link that is shown once. */
async function preregister(page: Page): Promise<string> {
  await page.goto('/devices/new');
  await page.locator('[name=cpu_serial]').fill(serial);
  await page.locator('[name=name]').fill('창가 컴퓨터');
  await page.locator('[name=kind]').selectOption('computer');
  await page.locator('[name=components]').fill('cpu, memory, uptime, led');
  await page.locator('form:has([name=cpu_serial]) button[type=submit]').click();
  const command = await page.locator('section.label code').innerText();
  const link = /'(.+)'/.exec(command)?.[1];
  expect(link, command).toBeTruthy();
  return link!;
}

/** Enrols with the real agent and claims through the page; the agent has ended well. */
async function enrolAndClaim(page: Page, madang: Madang): Promise<void> {
  const link = await preregister(page);
  await looked(page, 'preregistered');
  const enrol = madang.agent('machine', 'enroll', link);
  const ended = once(enrol, 'exit');
  await once(enrol.stdout!, 'data'); // it waits for an owner
  const [, shown] = link.split('#');
  const [, code] = shown.split(',');
  await page.goto(`/claim#${shown}`);
  if (test.info().project.use.javaScriptEnabled === false) {
    await page.locator('[name=cpu_serial]').fill(serial);
    await page.locator('[name=code]').fill(code);
  }
  await expect(page.locator('[name=cpu_serial]')).toHaveValue(serial);
  await looked(page, 'claim-filled');
  await page.locator('form:has([name=code]) button[type=submit]').click();
  expect((await ended)[0], 'the agent was told of its owner').toBe(0);
}

/** Opens the device's page from the list. */
async function open(page: Page): Promise<void> {
  await page.goto('/devices');
  await looked(page, 'devices-one');
  const link = page.locator('main a[href^="/devices/"]', { hasText: '창가 컴퓨터' }).first();
  await page.goto((await link.getAttribute('href'))!);
  await expect(page.locator('h1')).toHaveText('창가 컴퓨터');
}

/** Loads the page again until it says so: also without a script it must come to be true. */
async function becomes(page: Page, mark: string, within = 15_000): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(page.locator('.head').first()).toContainText(mark, { timeout: 500 });
  }).toPass({ timeout: within, intervals: [250] });
}

test('this machine is enrolled, claimed, seen and switched', async ({ page, madang }) => {
  test.slow();
  const korean = test.info().project.use.locale === 'ko-KR';
  const words = korean ? { online: '온라인', offline: '오프라인' } : { online: 'Online', offline: 'Offline' };
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const agent = madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await open(page);
  await becomes(page, words.online);
  const tile = page.locator('.tiles form:has([name=component][value=led])');
  await expect(async () => {
    await page.reload();
    await expect(tile).toBeVisible({ timeout: 500 });
  }).toPass();
  await looked(page, 'device-online');

  await tile.locator('button').click();
  await expect(async () => {
    await page.reload();
    await expect(tile.locator('[name=status]')).toHaveValue('OFF', { timeout: 500 });
  }, 'the lamp reports that it is on').toPass();
  await expect(page.locator('section.commands li').first()).toContainText('led');
  await looked(page, 'device-switched');

  agent.kill('SIGKILL');
  await becomes(page, words.offline, 2_500);
  await looked(page, 'device-offline');

  // What was stored is there again after the server was.
  await madang.stopServer();
  await madang.start();
  madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await becomes(page, words.online, 30_000);
});

test('the history of a value is read, seen closer and whole again', async ({ page, madang }) => {
  test.slow();
  const scripted = test.info().project.use.javaScriptEnabled !== false;
  const closer = /from=\d+&to=\d+/;
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await open(page);
  const line = page.locator('#history .chart .mean');
  await expect(async () => {
    await page.reload();
    await expect(line).toHaveAttribute('d', /L/, { timeout: 500 });
  }).toPass();

  if (scripted) {
    const cursor = page.locator('#history .cursor');
    await cursor.focus();
    await expect(cursor, 'the last value is read').toHaveAttribute('aria-valuetext', /:\d\d · .*%/);
    const drawn = (await line.getAttribute('d'))!;
    await expect(line, 'what is reported is appended').not.toHaveAttribute('d', drawn);
    await looked(page, 'history-read');

    await cursor.press('+');
    await expect(page).toHaveURL(closer);
    await expect(cursor, 'the focus stays').toBeFocused();
    await cursor.press('0');
    await expect(page).not.toHaveURL(closer);

    const { width } = (await cursor.boundingBox())!;
    await cursor.hover({ position: { x: width * 0.5, y: 20 } });
    await page.mouse.down();
    await cursor.hover({ position: { x: width * 0.9, y: 20 } });
    await page.mouse.up();
    await expect(page, 'a stroke is seen closer').toHaveURL(closer);
    await cursor.dblclick({ position: { x: width * 0.5, y: 20 } });
    await expect(page).not.toHaveURL(closer);
  }

  // Links do the same, with and without a script.
  await page.locator('#history .steps-of-time a').nth(2).click();
  await expect(page).toHaveURL(closer);
  await looked(page, 'history-closer');
  await page.locator('#history .steps-of-time a:not([href*="from="])').click();
  await expect(page).not.toHaveURL(closer);
  await page.locator('#history .seg a').nth(2).click();
  await expect(page).toHaveURL(/range=24h/);
  await expect(page.locator('#history .seg [aria-current]')).toHaveCount(1);
});

test('a serial number is registered once, and the form says why not twice', async ({ page, madang }) => {
  await setUp(page, madang);
  await preregister(page);
  await page.goto('/devices/new');
  await page.locator('[name=cpu_serial]').fill(serial);
  await page.locator('form:has([name=cpu_serial]) button[type=submit]').click();
  await expect(page.locator('main [role=alert], main .wrong').first()).toBeVisible();
  await expect(page.locator('[name=cpu_serial]'), 'what was typed stays').toHaveValue(serial);
  await looked(page, 'preregister-refused');
});
