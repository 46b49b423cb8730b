// A device that is not ours, watched by its owner and by an administrator.
import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { live, preregister, withoutReload, words } from './device';
import { documented, misbehaving, python } from './python';
import { expect, inKorean, invite, looked, register, setUp, test } from './person';

test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false, 'a page changes by its script');

const board = { serial: 'PAHO-0001', name: '파이썬 보드', kind: 'board', components: 'dht22, led' };

/** What a program says from now on, line by line. */
function hear(by: ChildProcess): (wanted: RegExp) => Promise<RegExpExecArray> {
  const lines = createInterface(by.stdout!)[Symbol.asyncIterator]();
  return async (wanted) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`it ended without ${wanted}`);
      const found = wanted.exec(value);
      if (found) return found;
    }
  };
}

test('the documented device reports; what it does wrong is an administrator’s to see', async ({
  page,
  madang,
  browser,
}) => {
  test.slow();
  const version = inKorean() ? '5' : '3';
  await setUp(page, madang);
  const link = await preregister(page, board);
  const way = await invite(page);

  // A member claims it while it waits.
  const state = join(madang.folder, 'lamp');
  const options = ['--state', state, '--mqtt', version, '--interval', '0.5'];
  const device = madang.beside('paho', python, [documented, ...options, link]);
  const hears = hear(device);
  await hears(/open the claim link/);
  const { locale, colorScheme, viewport } = test.info().project.use;
  const theirs = await browser.newContext({ baseURL: madang.ready.http, locale, colorScheme, viewport });
  const owner = await theirs.newPage();
  const frames: string[] = [];
  owner.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))));
  await register(owner, way);
  await owner.goto(`/claim#${link.split('#')[1]}`);
  await expect(owner.locator('[name=cpu_serial]')).toHaveValue(board.serial);
  await owner.locator('form:has([name=code]) button[type=submit]').click();
  await expect(owner).toHaveURL(/devices\/[0-9a-f-]{36}/);
  const path = new URL(owner.url()).pathname;
  await page.goto(path);

  const tile = page.locator('.tiles .tile', { hasText: 'dht22_temp' });
  const refused = page.locator('.about .refused li');
  const duplicates = page.locator('.about dt', { hasText: inKorean() ? '중복 수신' : 'Duplicates' }).locator('+ dd');
  await withoutReload([page, owner], async () => {
    await live(page);
    await live(owner);
    await expect(page.locator('.head').first()).toContainText(words().online);
    // What it says that it measured is what the page shows.
    const [, first] = await hears(/acknowledged report 1: ([\d.]+) °C/);
    await expect(tile).toContainText('°C');
    const shown = new Set<string>();
    await expect
      .poll(async () => shown.add((await tile.locator('.num').innerText()).replace(/\s*°C/, '')).size)
      .toBeGreaterThan(1);
    expect(Number(first)).toBeGreaterThanOrEqual(20);
    expect([...shown].every((value) => Number(value) >= 20 && Number(value) <= 22)).toBe(true);
    await expect(refused).toHaveCount(0);
    await expect(duplicates).toHaveText('0');

    device.kill('SIGINT');
    await once(device, 'exit');
    await expect(page.locator('.head').first()).toContainText(words().offline);

    const wrong = madang.beside('misbehaving', python, [misbehaving, documented, state, version]);
    const answers = hear(wrong);
    const act = async (what: string) => {
      wrong.stdin!.write(`${what}\n`);
      await answers(new RegExp(`^${what.split(' ')[0]}: acknowledged`));
    };
    await expect(page.locator('.head').first()).toContainText(words().online);
    await act('report 31.5');
    await expect(tile).toContainText('31.5');

    await act('forge 99');
    await expect(refused, 'counted with its reason').toHaveText(/wrong_signature\s*1\D/);
    const event = page.locator('.events li').first();
    await expect(event).toContainText(inKorean() ? '메시지 거부' : 'Message refused');
    await expect(event).toContainText(inKorean() ? '서명이 맞지 않음' : 'Wrong signature');
    await expect(tile, 'and nothing of it is believed').toContainText('31.5');

    await act('again');
    await act('again');
    await act('report 32.5');
    await expect(tile).toContainText('32.5');
    await expect(duplicates, 'counted').toHaveText('2');
    await expect(refused, 'a replay is no refusal').toHaveCount(1);
    await looked(page, 'device-foreign');

    // The owner sees the values, and nothing of the security log.
    await expect(owner.locator('.tiles .tile', { hasText: 'dht22_temp' })).toContainText('32.5');
    await expect(owner.locator('main')).not.toContainText('wrong_signature');
    await expect(owner.locator('.about h3')).toHaveCount(0);
    await expect(owner.locator('.events')).not.toContainText(inKorean() ? '거부' : 'refused');
    await looked(owner, 'device-foreign-owner');
  });

  const read = async (of: typeof page, what: string) => (await of.request.get(`/api${path}${what}`)).json();
  const points = await read(page, '/telemetry?component=dht22&value=temp&limit=5000');
  const at31 = points[0].points.filter((point: { mean: number }) => point.mean === 31.5);
  expect(at31, 'the replay is stored once').toHaveLength(1);
  expect((await read(page, '')).refusals).toMatchObject([{ reason: 'wrong_signature', count: 1 }]);
  expect(await read(owner, '')).not.toHaveProperty('refusals');
  expect(JSON.stringify(await read(owner, '/events'))).not.toContain('refused');
  expect(frames.length, 'the live connection tells of the values').toBeGreaterThan(0);
  expect(frames.join()).not.toContain('wrong_signature');
  await theirs.close();
});
