// From the box to the first value, and what is true about a device afterwards.
import { becomes, enrolAndClaim, open, preregister, serial, words } from './device';
import { expect, looked, scripted, setUp, test } from './person';

test('this machine is enrolled, claimed, seen and switched', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const agent = madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await open(page);
  await becomes(page, words().online);
  const tile = page.locator('.tiles form:has([name=component][value=led])');
  await expect(async () => {
    await page.reload();
    await expect(tile).toBeVisible({ timeout: 500 });
  }).toPass();
  await looked(page, 'device-online');

  await tile.locator('button').click();
  await expect(page.locator('section.commands li').first(), 'the command was taken').toContainText('led');
  await expect(async () => {
    await page.reload();
    await expect(tile.locator('[name=status]')).toHaveValue('OFF', { timeout: 500 });
  }, 'the lamp reports that it is on').toPass();
  await looked(page, 'device-switched');

  agent.kill('SIGKILL');
  await becomes(page, words().offline, 2_500);
  await looked(page, 'device-offline');

  // What was stored is there again after the server was.
  await madang.stopServer();
  await madang.start();
  madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await becomes(page, words().online, 30_000);
});

test('the history of a value is read, seen closer and whole again', async ({ page, madang }) => {
  test.slow();
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

  if (scripted()) {
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
