// The truth about a device, while one looks: what is shown changes by itself.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Page } from '@playwright/test';
import { enrolAndClaim, live, open, withoutReload, words } from './device';
import { expect, looked, setUp, test } from './person';

const INTERVAL_MS = 1_000;
test.use({ configured: { MADANG__TELEMETRY__REPORT_INTERVAL_MS: String(INTERVAL_MS) } });
test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false, 'a page changes by its script');

/** When the status that the page shows began. */
async function since(page: Page): Promise<number> {
  return Date.parse((await page.locator('.head time').getAttribute('datetime'))!);
}

/** Waits until a program has said something so many times. */
function said(by: ChildProcess, words: RegExp, times: number): Promise<void> {
  return new Promise((done) => {
    let count = 0;
    createInterface(by.stderr!).on('line', (line) => {
      count += words.test(line) ? 1 : 0;
      if (count === times) done();
    });
  });
}

test('a frozen device is silent when its deadline passes, and online when it goes on', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const agent = madang.agent('machine', 'run', '--simulate', 'led');
  await open(page);
  const head = page.locator('.head').first();
  await withoutReload([page], async () => {
    await expect(head).toContainText(words().online);
    await live(page);
    const reporting = page.locator('#components .is-well');
    await expect(reporting.first(), 'a component reports').toBeVisible();
    const frozen = Date.now();
    agent.kill('SIGSTOP');
    await expect(head).toContainText(words().silent, { timeout: 25_000 });
    await expect(head, 'why').toContainText(words().noReport);
    // Fifteen seconds after the last report, which is at most one interval older than the freeze.
    const silent = (await since(page)) - frozen;
    expect(silent).toBeGreaterThan(15_000 - 2 * INTERVAL_MS);
    expect(silent).toBeLessThan(15_000 + 3_000);
    await expect(page.locator('.events li').first(), 'it stands among the events').toContainText(words().silent);
    await expect(reporting, 'no component is said to report now').toHaveCount(0);
    await expect(page.locator('#components')).toContainText(/Last report|마지막 보고/);
    await looked(page, 'device-silent');
    const moment = page.locator('.head time');
    await expect(moment, 'in UTC until it is wanted').toHaveAttribute('title', /Z$/);
    await moment.hover();
    await expect(moment, 'then as the reader says it').toHaveAttribute('title', /\d:\d\d(?!.*Z)/);

    const thawed = Date.now();
    agent.kill('SIGCONT');
    await expect(head).toContainText(words().online);
    await expect(reporting.first(), 'it reports again').toBeVisible();
    expect(await since(page)).toBeGreaterThan(thawed - 1);
  });
});

test('what was measured while the server was away is in the chart, without a hole', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const agent = madang.agent('machine', 'run', '--simulate', 'led');
  await open(page);
  const head = page.locator('.head').first();
  const line = page.locator('#history .chart .mean');
  await withoutReload([page], async () => {
    await expect(head).toContainText(words().online);
    await live(page);
    await expect(line).toHaveAttribute('d', /L/);

    const colour = () => head.locator('.st').first().evaluate((mark) => getComputedStyle(mark).color);
    const well = await colour();
    const tried = said(agent, /not connected/, 4);
    const stopped = Date.now();
    await madang.stopServer();
    await expect(page.locator('header .live')).toContainText(/Reconnecting|끊김/);
    await expect.poll(colour, 'an old picture shows nothing as well').not.toBe(well);
    await looked(page, 'device-server-away');
    await tried;
    await madang.start();
    const started = Date.now();
    await live(page);
    await expect.poll(colour).toBe(well);
    await expect(head).toContainText(words().online, { timeout: 60_000 });

    // What is stored: a report each second, from before to after.
    const id = /devices\/([^?#]+)/.exec(page.url())![1];
    const stored = async () => {
      const span = `from=${stopped - 3 * INTERVAL_MS}&limit=5000`;
      const answer = await page.request.get(`/api/devices/${id}/telemetry?component=cpu&value=average&${span}`);
      const [series] = (await answer.json()) as { points: { at: number }[] }[];
      return series.points.map((point) => point.at);
    };
    const widest = (at: number[]) => Math.max(...at.slice(1).map((one, index) => one - at[index]));
    await expect.poll(async () => Math.max(...(await stored()))).toBeGreaterThan(started);
    await expect.poll(async () => widest(await stored())).toBeLessThanOrEqual(2 * INTERVAL_MS + 200);
    const away = (await stored()).filter((at) => at > stopped && at < started);
    expect(away.length, 'measured meanwhile').toBeGreaterThan((started - stopped) / INTERVAL_MS / 2);

    // What is drawn: an hour on a thousand units, each report at its own place, one line.
    const drawn = async () => {
      const path = (await line.getAttribute('d'))!;
      expect(path.match(/M/g), 'one line').toHaveLength(1);
      return [...path.matchAll(/[ML]([\d.]+) /g)].map((match) => Number(match[1]));
    };
    const units = 1_000 / 3_600_000;
    const hole = (2 * INTERVAL_MS + 200) * units + 0.1;
    const known = (await stored()).length;
    await expect.poll(async () => (await drawn()).length, 'the page draws it by itself').toBeGreaterThan(known);
    await expect.poll(async () => widest(await drawn())).toBeLessThan(hole);
    expect(await since(page), 'the status is of now').toBeGreaterThan(started);
    await looked(page, 'device-caught-up');
  });
});

test('the list and the overview change while they are watched', async ({ page, madang, context }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const [list, overview] = [page, await context.newPage()];
  await list.goto('/devices');
  await overview.goto('/');
  const row = list.locator('tbody tr', { hasText: '창가 컴퓨터' });
  const chip = list.locator('nav.tabs a[href*="presence=ONLINE"] .num');
  const online = overview.locator('.counts a[href*="presence=ONLINE"] b');
  const attention = overview.locator('.columns .list').first();
  const search = list.locator('main [role=search] input[name=q]');
  await withoutReload([list, overview], async () => {
    await live(list);
    await live(overview);
    await expect(row).toContainText(words().offline);
    await expect(online).toHaveText('0');
    await expect(attention).toContainText('창가 컴퓨터');
    await search.fill('half typed');
    await search.focus();

    const agent = madang.agent('machine', 'run', '--simulate', 'led');
    await expect(row).toContainText(words().online);
    await expect(chip).toHaveText('1');
    await expect(online).toHaveText('1');
    await expect(overview.locator('.columns').getByText('창가 컴퓨터').first()).toBeVisible();
    await expect(row.locator('td').nth(2), 'a value').toContainText('%');
    const last = row.locator('time');
    const reported = (await last.getAttribute('data-at'))!;
    await expect(last, 'the next report').not.toHaveAttribute('data-at', reported);
    await looked(list, 'devices-live');
    await looked(overview, 'overview-live');

    agent.kill('SIGKILL');
    await expect(row).toContainText(words().offline);
    await expect(row).toContainText(words().lost);
    await expect(chip).toHaveText('0');
    await expect(online).toHaveText('0');
    await expect(attention).toContainText(words().lost);
    await expect(search, 'what is typed stays').toHaveValue('half typed');
    await expect(search).toBeFocused();
  });
});

test('a server that does not answer is said once, and the command can be given again', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  madang.agent('machine', 'run', '--simulate', 'led');
  await open(page);
  await expect(page.locator('.head').first()).toContainText(words().online);
  await live(page);
  const tile = page.locator('.tiles form:has([name=component][value=led])');
  const nickname = page.locator('[name=nickname]');
  const said = page.locator('main [role=alert] .banner');
  await withoutReload([page], async () => {
    await nickname.fill('half typed');
    await madang.stopServer();
    await tile.locator('button').click();
    await expect(said).toHaveText(/The server does not answer|서버가 응답하지 않습니다/);
    await expect(said, 'within sight').toBeInViewport();
    await expect(said, 'once').toHaveCount(1);
    await expect(page.locator('section.commands li'), 'nothing is shown that did not happen').toHaveCount(0);
    await looked(page, 'device-unreachable');
    await expect(said, 'still once').toHaveCount(1);

    await madang.start();
    await live(page);
    await expect(page.locator('.head').first()).toContainText(words().online, { timeout: 60_000 });
    await expect(nickname).toHaveValue('half typed');
    await tile.locator('button').click();
    await expect(said).toHaveCount(0);
    await expect(tile.locator('[name=status]'), 'the lamp is on').toHaveValue('OFF');
    await expect(nickname).toHaveValue('half typed');
  });
});
