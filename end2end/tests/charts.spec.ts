// Values of devices side by side: drawn by a filter, one added, one removed; also without a script.
import { becomes, enrolAndClaim, open, serial, words } from './device';
import { expect, inKorean, looked, setUp, test } from './person';

test('a value is drawn by a filter, another is added, and one is removed', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await open(page);
  await becomes(page, words().online);

  const chooser = page.locator('form[action="/charts"]');
  const line = page.locator('.compared .chart path.mean');
  const rows = page.locator('table.legend tbody tr');
  const draw = async (value: string) => {
    await chooser.locator('[name=value]').fill(value);
    await chooser.locator('[name=q]').fill(`serial:${serial}`);
    await chooser.locator('button[type=submit]').click();
    await expect(page).toHaveURL(/[?&]q=/);
  };
  /** What was reported becomes a line; without a script, when the page is loaded again. */
  const drawn = async (lines: number) => {
    await expect(async () => {
      await page.reload();
      await expect(line).toHaveCount(lines, { timeout: 500 });
      for (const one of await line.all()) await expect(one).toHaveAttribute('d', /L/, { timeout: 500 });
    }).toPass();
    await expect(rows).toHaveCount(lines);
  };

  await page.goto('/charts');
  await expect(line).toHaveCount(0);
  await draw('cpu.average');
  await drawn(1);
  await expect(rows).toContainText('창가 컴퓨터');
  await expect(rows.locator('td').first(), 'what it says at last').toContainText('%');
  await looked(page, 'charts-one');

  // A line that the address names stays when another value is drawn beside it.
  await open(page);
  await page.goto(`${page.url()}?value=cpu.average`);
  await page.locator('#history a[href^="/charts?series="]').click();
  await expect(page).toHaveURL(/series=[^&]+\.cpu\.average&/);
  await expect(rows).toHaveCount(1);
  await draw('memory.percent');
  await expect(page).toHaveURL(/series=/);
  await drawn(2);
  await looked(page, 'charts-two');

  const remove = rows.first().locator('td a');
  await expect(remove).toHaveAttribute('aria-label', inKorean() ? /빼기/ : /Remove/);
  await remove.click();
  await expect(rows, 'the other stays').toHaveCount(1);
  await expect(page).toHaveURL(/series=[^&,]+\.memory\.percent&/);
  await drawn(1);
  await page.locator('.charts-steps .seg a').nth(2).click();
  await expect(page).toHaveURL(/range=24h/);
  await expect(rows).toHaveCount(1);

  await remove.click();
  await expect(rows, 'nothing is left').toHaveCount(0);
  await expect(line).toHaveCount(0);
});
