// What has levels between on and off: set, kept as what is desired, brought back.
import { once } from 'node:events';
import { becomes, enrolAndClaim, fanned, live, open, words } from './device';
import { expect, looked, scripted, setUp, test } from './person';

test('a fan on a pin with pulses runs at the level that is set, and comes back to it', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang, fanned);
  const run = () => madang.agent('machine', 'run', '--simulate', 'fan', '--report-interval', '1');
  const agent = run();
  await open(page);
  await becomes(page, words().online);
  const tile = page.locator('.tiles .tile', { has: page.locator('form.level') });
  const level = tile.locator('[name=level]');
  const slider = tile.getByRole('slider');
  const send = tile.locator('form.level button');
  const reads = async (text: string, within = 15_000) =>
    expect(async () => {
      await page.reload();
      await expect(tile).toContainText(text, { timeout: 500 });
      await expect(tile.locator('.twin')).toHaveCount(0, { timeout: 500 });
    }).toPass({ timeout: within });
  await reads('OFF 0 %');

  if (scripted()) {
    await live(page);
    await expect(async () => {
      await slider.press('Home');
      await slider.press('End');
      await expect(level, 'the number follows the slider').toHaveValue('100', { timeout: 500 });
    }).toPass();
    await level.fill('40');
    await expect(slider, 'and the slider the number').toHaveValue('40');
  } else {
    await expect(slider).toHaveCount(0);
  }
  await level.fill('101');
  await send.click();
  await expect(tile.locator('input:invalid').first(), 'it is not sent').toHaveValue('101');
  await level.fill('40');
  await looked(page, 'dimming');
  await send.click();
  await expect(page.locator('section.commands li').first(), 'the command was taken').toContainText('fan');
  await reads('ON 40 %');
  await expect(level).toHaveValue('40');
  await expect(tile.locator('[name=status]'), 'it is on').toHaveValue('OFF');
  await looked(page, 'dimmed');

  // While it is away: what it reported last, and what is desired.
  const ended = once(agent, 'exit');
  agent.kill('SIGKILL');
  await ended;
  await becomes(page, words().offline, 5_000);
  if (scripted()) await live(page);
  await level.fill('70');
  await send.click();
  await expect(tile.locator('.twin')).toContainText('ON 40 %');
  await expect(tile.locator('.twin .wanted')).toContainText('70 %');
  await looked(page, 'dimming-waits');
  run();
  await becomes(page, words().online, 30_000);
  await reads('ON 70 %', 30_000);
  await expect(page.locator('section.commands')).toContainText(/state\/desired|fan/);
});
