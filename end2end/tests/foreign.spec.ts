// A device that is not ours, watched by its owner and by an administrator.
import { type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { live, preregister, withoutReload, words } from './device';
import { documented, misbehaving, python } from './python';
import { expect, inKorean, invite, looked, register, setUp, test } from './person';

test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false, 'a page changes by its script');

const board = { serial: 'PAHO-0001', name: '파이썬 보드', kind: 'board', components: 'dht22, led' };

/** Waits for a line that a program says from now on; `last` gives the last one before its end. */
function hear(by: ChildProcess) {
  const lines = createInterface(by.stdout!)[Symbol.asyncIterator]();
  const next = async (wanted: RegExp): Promise<RegExpExecArray | null> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) return null;
      const found = wanted.exec(value);
      if (found) return found;
    }
  };
  const heard = async (wanted: RegExp) => {
    const found = await next(wanted);
    if (!found) throw new Error(`it ended without ${wanted}`);
    return found;
  };
  const last = async (wanted: RegExp) => {
    let found = await heard(wanted);
    for (let later = await next(wanted); later; later = await next(wanted)) found = later;
    return found;
  };
  return { heard, last };
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
  const options = ['--state', state, '--mqtt', version, '--interval', '0.8', '--reports', '20'];
  const device = madang.beside('paho', python, [documented, ...options, link]);
  const says = hear(device);
  await says.heard(/open the claim link/);
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
    const temperature = async () => Number.parseFloat(await tile.locator('.num').innerText());
    const shown = new Set<number>();
    await expect.poll(async () => shown.add(await temperature()).size, 'it changes').toBeGreaterThan(3);
    await expect(refused).toHaveCount(0);
    await expect(duplicates).toHaveText('0');

    const [, told] = await says.last(/acknowledged report \d+: ([\d.]+) °C/);
    await expect.poll(temperature, 'the last that it said').toBe(Number(told));
    await expect(page.locator('.head').first()).toContainText(words().offline);

    const wrong = madang.beside('misbehaving', python, [misbehaving, documented, state, version]);
    const { heard } = hear(wrong);
    const act = async (what: string) => {
      wrong.stdin!.write(`${what}\n`);
      await heard(new RegExp(`^${what.split(' ')[0]}: acknowledged`));
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
