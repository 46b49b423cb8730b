// Many devices at once: a file in, what was refused and why, labels out; also without a script.
import { expect, inKorean, looked, scripted, setUp, test } from './person';

const made = (inKorean: boolean) => (inKorean ? '완료' : 'Done');
const lines = [
  'serial,name,hardware_version,components',
  ...Array.from({ length: 60 }, (_, n) => `BULK-${n + 1},"온실, ${n + 1}",5,led`),
  'BULK-1,again,5,led',
  'BULK-99,odd,5,teleporter',
].join('\r\n');

test('a file becomes devices, labels and a report of every refused line', async ({ page, madang }) => {
  await setUp(page, madang);
  await page.goto('/devices/new');
  await page.locator('a[href="/devices/import"]').first().click();
  await expect(page).toHaveURL(/devices\/import$/);
  await looked(page, 'import');

  // What cannot be read is refused, and says what to do.
  await page.locator('[name=text]').fill('serial,colour\nA,red');
  await page.locator('form:has([name=text]) button[type=submit]').click();
  await expect(page.locator('main [role=alert]').first()).toContainText(/not known|모르는 열/);
  if (scripted()) await expect(page.locator('[name=text]')).toHaveValue('serial,colour\nA,red');

  await page.locator('[name=file]').setInputFiles({
    name: '온실.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(`\ufeff${lines}`),
  });
  await page.locator('form:has([name=text]) button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/imports\/[0-9a-f-]{36}$/);
  await expect(page.locator('h1')).toHaveText('온실.csv');
  const done = page.locator('main [role=status]', { hasText: made(inKorean()) });
  await expect(async () => {
    if (!scripted()) await page.reload();
    await expect(done).toBeVisible({ timeout: scripted() ? 20_000 : 500 });
  }).toPass({ timeout: 30_000 });
  await expect(page.locator('[data-made]')).toHaveText('60');
  const refused = page.locator('.refusals tbody tr');
  await expect(refused).toHaveCount(2);
  await expect(refused.nth(0)).toContainText('62');
  await expect(refused.nth(0)).toContainText(/earlier line|앞줄/);
  await expect(refused.nth(1)).toContainText('teleporter');
  await looked(page, 'import-done');

  const result = await page.request.get((await page.locator('a[download]').getAttribute('href'))!);
  expect(await result.text()).toContain('/claim#BULK-60,');

  await page.locator('[name=sheet]').selectOption('4x10');
  await page.locator('form:has([name=sheet]) button').click();
  await expect(page).toHaveURL(/labels\?sheet=4x10/);
  await expect(page.locator('.sheet')).toHaveCount(2);
  await expect(page.locator('.sheet .qr')).toHaveCount(60);
  await looked(page, 'import-labels');
  // On paper there is nothing but the sheets, and each is as large as A4.
  await page.emulateMedia({ media: 'print' });
  const sheet = await page.locator('.sheet').first().boundingBox();
  expect(Math.round(sheet!.width / 3.7795)).toBe(210);
  expect(Math.round(sheet!.height / 3.7795)).toBe(297);
  expect(sheet!.x, 'nothing stands beside it').toBe(0);
  expect(sheet!.y, 'nothing stands above it').toBe(0);
  await page.emulateMedia({ media: 'screen' });

  await page.goBack();
  await page.locator('summary', { hasText: /Delete the codes|코드 바로/ }).click();
  await page.locator('form[action="/do/forget_codes"] button').click();
  await expect(page.locator('main')).toContainText(/no longer keeps|더 이상 없습니다/);
  await expect(page.locator('[name=sheet]')).toHaveCount(0);
});

test('devices that wait get new codes and labels', async ({ page, madang }) => {
  await setUp(page, madang);
  await page.goto('/devices/import');
  await page.locator('[name=text]').fill('W-1\nW-2\nW-3');
  await page.locator('form:has([name=text]) button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/imports\//);
  await expect(async () => {
    await page.goto('/devices/new');
    await expect(page.locator('.choose > li')).toHaveCount(3, { timeout: 500 });
  }).toPass();
  await page.locator('.choose > li', { hasText: 'W-2' }).locator('input[type=checkbox]').check();
  await page.locator('summary', { hasText: /selected devices|고른 기기/ }).click();
  await looked(page, 'labels-chosen');
  await page.locator('form#labels button').click();
  await expect(page).toHaveURL(/devices\/imports\//);
  await expect(async () => {
    if (!scripted()) await page.reload();
    await expect(page.locator('[data-made]')).toHaveText('1', { timeout: 2_000 });
  }).toPass();
  await page.locator('form:has([name=sheet]) button').click();
  await expect(page.locator('.sheet .one')).toContainText(['W-2']);
});
