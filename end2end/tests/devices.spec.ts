// From the box to the first value, and what is true about a device afterwards.
import type { Locator } from '@playwright/test';
import { becomes, enrolAndClaim, open, preregister, serial, words } from './device';
import { expect, inKorean, looked, scripted, setUp, test } from './person';

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

  // Nothing of a device that is not there is said to report now.
  await expect(page.locator('#components')).toContainText(/Last report|마지막 보고/);
  await expect(page.locator('#components .is-well')).toHaveCount(0);

  // What is older has an address, and from there a way back to the newest.
  await page.goto(`${page.url().split(/[?#]/)[0]}?events_before=1000000`);
  await expect(page.locator('#events li').first()).toBeVisible();
  const newest = page.locator('#events a', { hasText: /Newest events|최근 일어난 일/ });
  await newest.click();
  await expect(page).not.toHaveURL(/events_before/);
  await expect(newest).toHaveCount(0);

  // A mark that nothing is known of is none.
  const unknown = '8e1f5a52-6f0c-4d3a-9b77-2f1c0a4e9d10';
  const answer = await page.goto(`${page.url().split(/[?#]/)[0]}?commands_before=${unknown}`);
  expect(answer?.status()).toBe(200);
  await expect(page.locator('section.commands li').first()).toContainText('led');
  await expect(page.locator('#events li').first()).toBeVisible();

  // An administrator reads until when its certificate is good.
  const certificate = page.locator('.certificates li').first();
  await expect(certificate).toContainText(inKorean() ? '유효함' : 'Valid');
  await expect(certificate).toContainText(/expires in 39\d d|만료 39\d일 뒤/);

  // Its UUID can be read where the device is described.
  await expect(page.locator('.about')).toContainText(/devices\/([0-9a-f-]+)/.exec(page.url())![1]);

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
  await expect(page.locator('#cpu_serial-about .wrong')).toBeVisible();
  await expect(page.locator('[name=cpu_serial]'), 'what was typed stays').toHaveValue(serial);
  await looked(page, 'preregister-refused');
});

/** Opens what is folded; the part of a page that is loaded later may come in between and be folded again. */
async function unfold(part: Locator): Promise<void> {
  const button = part.locator('button[type=submit]');
  await expect(async () => {
    if (!(await button.isVisible())) await part.locator('summary').click({ timeout: 500 });
    await expect(button).toBeVisible({ timeout: 500 });
  }).toPass();
}

test('hardware and a UUID are said, and those that wait are found', async ({ page, madang }) => {
  await setUp(page, madang);
  const uuid = '8e1f5a52-6f0c-4d3a-9b77-2f1c0a4e9d10';
  const form = page.locator('form:has([name=cpu_serial])');
  const register = async (of: { serial: string; uuid: string }) => {
    await page.goto('/devices/new');
    await form.locator('[name=cpu_serial]').fill(of.serial);
    await form.locator('[name=hardware_version]').selectOption('4B');
    await form.locator('[name=hardware_variant]').selectOption('Pro');
    await form.locator('[name=uuid]').fill(of.uuid);
    await form.locator('button[type=submit]').click();
  };
  await register({ serial: 'KIT-1', uuid: 'not one' });
  await expect(page.locator('#uuid-about .wrong')).toBeVisible();
  await expect(form.locator('[name=hardware_version]'), 'what was chosen stays').toHaveValue('4B');
  await form.locator('[name=uuid]').fill(uuid);
  await form.locator('button[type=submit]').click();
  await expect(page.locator('section.label')).toContainText('KIT-1');
  await register({ serial: 'KIT-2', uuid });
  await expect(page.locator('#uuid-about .wrong'), 'not the serial number').toBeVisible();
  await expect(page.locator('#cpu_serial-about .wrong')).toHaveCount(0);
  await looked(page, 'preregister-uuid-known');

  const waiting = page.locator('.choose > li');
  await page.goto('/devices/new?q=KIT-2');
  await expect(waiting).toHaveCount(0);
  const words = page.locator('form[role=search] [name=q]');
  await expect(async () => {
    // The field comes to life at some moment, which may lie between marking what it holds and writing over it.
    await words.fill('KIT-1');
    await expect(words).toHaveValue('KIT-1', { timeout: 500 });
  }).toPass();
  await page.locator('form[role=search] button[type=submit]').click();
  await expect(waiting).toHaveCount(1);
  await looked(page, 'waiting-found');
  await page.goto('/devices/new?q=KIT-1&page=99');
  await expect(waiting, 'there are fewer pages: the last one').toHaveCount(1);
  await page.goto((await waiting.locator('a').getAttribute('href'))!);
  await expect(page).toHaveURL(new RegExp(uuid));
  await expect(page.locator('.about')).toContainText('4B · Pro');

  // It was a mistake: nobody ever claimed it, and it never came.
  const deleting = page.locator('.manage details:has(form[action="/do/delete_device"])');
  await unfold(deleting);
  await looked(page, 'device-delete');
  await deleting.locator('[name=sure]').check();
  await deleting.locator('button[type=submit]').click();
  await expect(page).toHaveURL(/\/devices$/);
  await page.goto('/devices/new');
  await expect(waiting).toHaveCount(0);
});

test('a device is called otherwise, revoked, and comes back with a new label', async ({ page, madang }) => {
  await setUp(page, madang);
  const [, code] = (await preregister(page)).split('#')[1].split(',');
  await page.goto('/claim');
  await page.locator('[name=cpu_serial]').fill(serial);
  await page.locator('[name=code]').fill(code);
  await page.locator('form:has([name=code]) button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/[0-9a-f-]{36}/);
  const folded = (action: string) => page.locator(`.manage details:has(form[action="/do/${action}"])`);

  const renaming = folded('rename_device');
  await unfold(renaming);
  await renaming.locator('[name=site_name]').fill('온실 앞 컴퓨터');
  await renaming.locator('button[type=submit]').click();
  await expect(page.locator('h1')).toHaveText('온실 앞 컴퓨터');
  await expect(renaming.locator('[role=status]')).toHaveText(/Saved|저장했습니다/);
  await looked(page, 'device-renamed');

  const pacing = folded('set_report_interval');
  await unfold(pacing);
  await pacing.locator('[name=report_interval]').fill('0.05');
  await pacing.locator('button[type=submit]').click();
  await expect(pacing.locator('.wrong')).toHaveCount(1);
  await expect(pacing.locator('[name=report_interval]')).toHaveValue('0.05');
  await pacing.locator('[name=report_interval]').fill('0.5');
  await pacing.locator('button[type=submit]').click();
  await expect(pacing.locator('[role=status]')).toHaveText(/Saved|저장했습니다/);
  await expect(page.locator('.about .facts')).toContainText('500 ms');
  await expect(page.locator('body')).toContainText('10 s → 500 ms');
  await looked(page, 'device-paced');

  const head = page.locator('.head').first();
  const revoking = folded('revoke_device');
  await unfold(revoking);
  await revoking.locator('[name=sure]').check();
  await revoking.locator('button[type=submit]').click();
  await expect(head).toContainText(inKorean() ? '폐기됨' : 'Revoked');
  const labelling = folded('renew_code');
  await unfold(labelling);
  await looked(page, 'device-revoked');
  await labelling.locator('button[type=submit]').click();
  const label = page.locator('section.label');
  await expect(label).toContainText(serial);
  await expect(label, 'another code').not.toContainText(code);
  await expect(head).toContainText(inKorean() ? '미등록' : 'Unclaimed');
  await looked(page, 'device-relabelled');
});
