// Debugging a device: what passes, live and narrowed, and any command with its result.
import { once } from 'node:events';
import { becomes, enrolAndClaim, live, open, withoutReload, words } from './device';
import { expect, looked, scripted, setUp, test } from './person';

test('raw messages are watched, narrowed, paused and cleared; any command is sent', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const run = () => madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  const agent = run();
  await open(page);
  await becomes(page, words().online);
  await page.locator('a[href$="/debug"]').click();
  await expect(page).toHaveURL(/\/debug$/);
  const rows = page.locator('.traffic .list > li');
  const reload = async () => void (scripted() || (await page.reload()));
  if (scripted()) {
    await live(page);
    await withoutReload([page], async () => {
      await expect(rows.filter({ hasText: '/cpu/status' }).first()).toBeVisible();
    });
  }
  await expect(async () => {
    await reload();
    await expect(rows.filter({ hasText: '/cpu/status' }).first()).toBeVisible({ timeout: 500 });
  }).toPass();
  await expect(page.locator('.traffic'), 'no signature is shown').not.toContainText(/"signature":"[0-9a-f]/);
  await looked(page, 'debug-messages');

  // Any command: what is no JSON object is refused and kept.
  await page.locator('.anycommand [name=name]').fill('dance');
  await page.locator('.anycommand [name=arguments]').fill('{"times": ');
  await page.locator('form[action="/do/send_any"] button[type=submit]').click();
  await expect(page.locator('.anycommand:not(.forcing) .wrong')).toBeVisible();
  await expect(page.locator('.anycommand [name=name]')).toHaveValue('dance');
  await expect(page.locator('.anycommand [name=arguments]')).toHaveValue('{"times": ');
  await looked(page, 'debug-refused');
  await page.locator('.anycommand [name=arguments]').fill('{"times": 2, "password": "hunter2"}');
  await page.locator('form[action="/do/send_any"] button[type=submit]').click();
  await expect(page.locator('.anycommand:not(.forcing) .banner.good')).toBeVisible();
  await expect(async () => {
    await reload();
    const commands = page.locator('section.commands');
    await expect(commands).toContainText('dance', { timeout: 500 });
    await expect(commands, 'its result').toContainText(/기기가 모르는 명령|does not know this command/, { timeout: 500 });
    await expect(rows.filter({ hasText: '/dance' }).first()).toBeVisible({ timeout: 500 });
  }).toPass();
  await expect(page.locator('.traffic')).not.toContainText('hunter2');

  // Narrowed by the address.
  await page.locator('.traffic .tabs a[href*="only=down"]').click();
  await expect(page).toHaveURL(/only=down/);
  await expect(rows.filter({ hasText: '/dance' }).first()).toBeVisible();
  await expect(rows.filter({ hasText: '/cpu/status' })).toHaveCount(0);
  await page.locator('.traffic [name=q]').fill('nowhere');
  await page.locator('.traffic form[role=search] button').click();
  await expect(page).toHaveURL(/q=nowhere/);
  await expect(rows).toHaveCount(0);
  await looked(page, 'debug-none');
  await page.goBack();
  await expect(rows.filter({ hasText: '/dance' }).first()).toBeVisible();
  await page.locator('.traffic header a[href*="after="]').click();
  await expect(page).toHaveURL(/after=/);
  await expect(rows).toHaveCount(0);

  // Paused, nothing moves; resumed, what passed meanwhile is there.
  await page.locator('.traffic .tabs a').first().click();
  if (scripted()) {
    const pause = page.locator('.traffic button[aria-pressed]');
    await expect(rows.first()).toBeVisible();
    await pause.click();
    await expect(pause).toHaveAttribute('aria-pressed', 'true');
    await expect(page.locator('.traffic header [role=status]')).toContainText('·');
    const first = await rows.first().innerText();
    agent.kill('SIGKILL');
    const gone = rows.filter({ hasText: /연결 끝남|Disconnected/ });
    await expect(gone).toHaveCount(0);
    expect(await rows.first().innerText()).toBe(first);
    await pause.click();
    await expect(gone).toHaveCount(1);
  }
});

test('a state that is forced is said to be, put back, and ended by a report', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const run = () => madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '600');
  const agent = run();
  await open(page);
  await becomes(page, words().online);
  const device = page.url();
  const tile = page.locator('.tile', { has: page.locator('.mono', { hasText: /^led$/ }) });
  const said = /강제|Forced/;
  await expect(async () => {
    await page.reload();
    await expect(tile).toContainText('OFF', { timeout: 500 });
  }).toPass();

  await page.goto(`${device}/debug`);
  const form = page.locator('.forcing');
  const force = async (key: string, value: string) => {
    await form.locator('[name=key]').selectOption(key);
    await form.locator('[name=value]').fill(value);
    await form.locator('button.btn:not(.ghost)').click();
  };
  await force('cpu_average', 'much');
  await expect(form.locator('.wrong'), 'a number is reported').toBeVisible();
  await force('led', 'BLINK');
  await expect(form.locator('li')).toContainText('BLINK');
  await looked(page, 'debug-forced');
  await form.locator('li button').click();
  await expect(form.locator('li')).toHaveCount(0);

  await force('led', 'BLINK');
  await expect(form.locator('li')).toContainText('BLINK');
  await page.goto(device);
  await expect(tile).toContainText('BLINK');
  await expect(tile).toContainText(said);
  await expect(page.locator('.events')).toContainText(/강제로|State forced/);
  await looked(page, 'device-forced');
  await page.goto('/devices?col=state.led');
  const cell = page.locator('td[data-label]', { hasText: 'BLINK' });
  await expect(cell).toContainText(/강제|forced/);
  await page.goto(device);
  // Its store is free when the process has ended, and not before.
  const ended = once(agent, 'exit');
  agent.kill('SIGKILL');
  await ended;
  run();
  await expect(async () => {
    if (!scripted()) await page.reload();
    await expect(tile).toContainText('OFF', { timeout: 500 });
    await expect(tile).not.toContainText(said, { timeout: 500 });
    await expect(page.locator('.events')).toContainText(/강제로 바꾼 상태 끝남|Forced state ended/, { timeout: 500 });
  }).toPass({ timeout: 30_000 });
});
