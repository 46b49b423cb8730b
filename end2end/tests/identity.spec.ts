// A copy of a device: told, looked at, decided, and the decision taken back; also without a script.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { preregister } from './device';
import { expect, inKorean, looked, scripted, setUp, test } from './person';

const board = { serial: 'IDENTITY-0001', name: '복제될 보드', kind: 'board', components: 'dht22, led' };
const words = () =>
  inKorean()
    ? { clone: '복제', discard: '데이터 버리기', undo: '실행 취소' }
    : { clone: 'Clone', discard: 'Discard the data', undo: 'Undo' };

/** What is decided stands on the page, or is gone again; without a script the page has come anew. */
async function decided(page: Page, is: boolean): Promise<void> {
  await expect(page.locator('form[action="/do/undo_finding"]')).toHaveCount(is ? 1 : 0);
  await expect(page.locator('form[action="/do/resolve_finding"]').first()).toBeVisible({ visible: !is });
}

test('a clone is told, its data is kept apart, and a decision can be taken back', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await page.goto('/identity');
  await looked(page, 'identity-nothing');

  const link = await preregister(page, board);
  const manifest = join(madang.folder, 'clone.json');
  const device = { link, model: 'Raspberry Pi 5', os: 'Debian 13', behaviour: 'clone' };
  writeFileSync(manifest, JSON.stringify({ state: 'clone', devices: [device] }));
  const simulated = madang.agent('simulator', 'simulate', '--manifest', manifest, '--report-interval', '1');
  const [, shown] = link.split('#');
  await page.goto(`/claim#${shown}`);
  if (!scripted()) {
    const [serial, code] = shown.split(',');
    await page.locator('[name=cpu_serial]').fill(serial);
    await page.locator('[name=code]').fill(code);
  }
  await expect(page.locator('[name=cpu_serial]')).toHaveValue(board.serial);
  await page.locator('form:has([name=code]) button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/[0-9a-f-]{36}/);

  // Some time later a copy of its storage starts on another board.
  const found = page.locator('.findings tbody tr');
  await expect(async () => {
    await page.goto('/identity');
    await expect(found).toHaveCount(1, { timeout: 500 });
  }).toPass({ timeout: 90_000, intervals: [500] });
  await expect(found).toContainText(words().clone);
  await expect(found).toContainText(board.name);
  await looked(page, 'identity-found');

  // Whoever looks after the site is told without looking for it.
  await page.goto('/');
  const bell = page.locator('header a[href="/notices"]');
  await expect(bell).toContainText('1');
  await bell.click();
  const notice = page.locator('main a[href^="/identity/"]').first();
  await expect(notice).toContainText(words().clone);
  await looked(page, 'identity-notice');
  await notice.click();

  await expect(page.locator('h1')).toContainText(words().clone);
  const compared = page.locator('.compared tr', { hasText: inKorean() ? 'CPU 일련번호' : 'CPU serial' });
  await expect(compared, 'which board is known and which one spoke').toContainText(`${board.serial}b`);
  await looked(page, 'identity-finding');

  // The copy is switched off: as long as it runs, it comes again and is told again.
  const ended = once(simulated, 'exit');
  simulated.kill('SIGTERM');
  await ended;
  await page.reload();
  const act = page.locator('form[action="/do/resolve_finding"]:has([name=act][value=discard])');
  await expect(act).toContainText(words().discard);
  await act.locator('button').click();
  await decided(page, true);
  await expect(page.locator('main')).toContainText(words().discard);
  await looked(page, 'identity-decided');
  await page.goto('/identity?state=open');
  await expect(found, 'nothing waits any more').toHaveCount(0);
  await page.goto('/identity?state=resolved');
  await expect(found).toHaveCount(1);
  await found.locator('a[href^="/identity/"]').click();

  const undo = page.locator('form[action="/do/undo_finding"]');
  await expect(undo).toContainText(words().undo);
  await undo.locator('button').click();
  await decided(page, false);
  await looked(page, 'identity-undone');
  await page.goto('/identity?state=open');
  await expect(found, 'it waits again').toHaveCount(1);

  // What the site does by itself is set on the same page.
  const policy = page.locator('form:has([name=kind][value=clone])');
  await policy.locator('select').selectOption('alert');
  await policy.locator('button').click();
  if (scripted()) await expect(policy.locator('select')).toHaveValue('alert');
  await page.waitForLoadState('networkidle');
  await page.goto('/identity');
  await expect(policy.locator('select'), 'it stays').toHaveValue('alert');
});
