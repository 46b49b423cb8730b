// What is desired stays, and one command for many devices is followed on a page of its own.
import { becomes, enrolAndClaim, fanned, live, open, words } from './device';
import { expect, inKorean, looked, scripted, setUp, test } from './person';

test('a device that comes back is brought to what is desired, until that is let go', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  const run = () => madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  const agent = run();
  await open(page);
  await becomes(page, words().online);
  const tile = page.locator('.tiles form:has([name=component][value=led])');
  const status = tile.locator('[name=status]');
  const letGo = page.locator('.tiles form:has([name=of][value=led]) button');
  await expect(async () => {
    await page.reload();
    await expect(tile).toBeVisible({ timeout: 500 });
  }).toPass();
  await tile.locator('button').click();
  await expect(page.locator('section.commands li').first(), 'the command was taken').toContainText('led');
  await expect(async () => {
    await page.reload();
    await expect(letGo).toBeVisible({ timeout: 500 });
    await expect(page.locator('.tiles .twin'), 'it is as desired').toHaveCount(0, { timeout: 500 });
  }).toPass();
  await looked(page, 'twin-kept');

  // A simulated lamp that starts again is off.
  agent.kill('SIGKILL');
  await becomes(page, words().offline, 5_000);
  run();
  await becomes(page, words().online, 30_000);
  await expect(async () => {
    await page.reload();
    await expect(page.locator('section.commands')).toContainText('state/desired', { timeout: 500 });
    await expect(status, 'it is on again').toHaveValue('OFF', { timeout: 500 });
    await expect(page.locator('.tiles .twin')).toHaveCount(0, { timeout: 500 });
  }).toPass({ timeout: 30_000 });

  if (scripted()) await live(page);
  await letGo.click();
  await expect(letGo).toHaveCount(0);
  if (scripted()) {
    await page.locator('.toasts button').first().click();
    await expect(letGo, 'undone').toBeVisible();
  }
});

test('what is asked of a device that never came waits for it, and is not offered twice', async ({ page, madang }) => {
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  await open(page);
  const parts = page.locator('#components');
  await expect(parts).toContainText(inKorean() ? '첫 보고를 기다림' : 'Waiting for its first report');
  await expect(parts.locator('.st.is-well'), 'nothing has reported').toHaveCount(0);

  const tile = page.locator('.tiles .tile:has([name=component][value=led])');
  await expect(tile.locator('[name=status]')).toHaveValue('ON');
  await tile.locator('form:has([name=component]) button').click();
  await expect(page.locator('section.commands li').first(), 'the command was taken').toContainText('led');
  await expect(tile.locator('.twin .wanted')).toContainText('ON');
  await expect(tile).toContainText(inKorean() ? '연결되면 바꿈' : 'changes when it connects');
  await expect(tile.locator('[name=status]'), 'only the way back is offered').toHaveValue('OFF');
  const [card, within] = [(await tile.boundingBox())!, (await tile.locator('.tf .btn').last().boundingBox())!];
  expect(within.x + within.width, 'all of it lies on its card').toBeLessThanOrEqual(card.x + card.width);
  await looked(page, 'twin-waits');
});

test('a command for picked devices is a job, and its counts lead to them', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await page.goto('/jobs');
  await looked(page, 'jobs-none');
  await enrolAndClaim(page, madang);
  madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await open(page);
  await becomes(page, words().online);

  await page.goto('/devices');
  await page.locator('input[name=device]').first().check();
  await looked(page, 'devices-picked');
  await page.locator('#pick button').click();
  await expect(page).toHaveURL(/\/jobs\/new\?device=/);
  await expect(page.locator('[name=component] option')).toHaveCount(1);
  await expect(page.locator('main')).toContainText(inKorean() ? '고른 기기 1대' : 'Devices selected: 1');
  await looked(page, 'job-new');
  await page.locator('[name=concurrency]').fill('5');
  await page.locator('form:has([name=concurrency]) button[type=submit]').click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}$/);
  const succeeded = page.locator('.tabs a[href*="state=succeeded"]');
  await expect(async () => {
    if (!scripted()) await page.reload();
    await expect(succeeded).toContainText('1', { timeout: 500 });
  }, 'it is done, and the page says so').toPass();
  await looked(page, 'job-done');
  await succeeded.click();
  await expect(page).toHaveURL(/state=succeeded/);
  await expect(page.locator('.jobs tbody tr')).toHaveCount(1);
  await page.goto('/jobs');
  await expect(page.locator('.jobs tbody tr')).toHaveCount(1);
  await looked(page, 'jobs-one');

  // All that were found: a command that the device does not know.
  await page.goto('/devices');
  await page.locator('#pick a').click();
  await expect(page).toHaveURL(/\/jobs\/new\?filter=/);
  await page.locator('details:has([name=name]) summary').click();
  await page.locator('[name=name]').fill('dance');
  if (scripted()) {
    // Who gets it is of what is asked for.
    const who = page.locator('main .who');
    const without = inKorean() ? '제외: 부품 없음' : 'Left out: no such component';
    await page.locator('[name=other_component]').fill('pump');
    await page.locator('[name=arguments]').focus();
    await expect(who).toContainText(without);
    await looked(page, 'job-new-without');
    await page.locator('[name=other_component]').fill('');
    await page.locator('[name=arguments]').focus();
    await expect(who).not.toContainText(without);
  }
  await page.locator('[name=arguments]').fill('[1]');
  await page.locator('form:has([name=concurrency]) button[type=submit]').click();
  await expect(page.locator('main .wrong, main [role=alert] .banner').first(), 'no JSON object').toBeVisible();
  await expect(page.locator('[name=name]'), 'what was typed stays').toHaveValue('dance');
  await page.locator('[name=arguments]').fill('{"times": 2}');
  await page.locator('form:has([name=concurrency]) button[type=submit]').click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}$/);
  const rejected = page.locator('.tabs a[href*="state=rejected"]');
  await expect(async () => {
    if (!scripted()) await page.reload();
    await expect(rejected).toContainText('1', { timeout: 500 });
  }).toPass();
  await looked(page, 'job-rejected');
  const before = page.url();
  await page.locator('form:has([name=states]) button').click();
  await expect(page, 'a job of its own').not.toHaveURL(before);
  await expect(page.locator(`a[href="${new URL(before).pathname}"]`), 'that names the first').toBeVisible();
});

test('a job brings what is dimmed to a level, and says where there is none', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang, { ...fanned, components: 'cpu, fan, led' });
  madang.agent('machine', 'run', '--simulate', 'fan,led', '--report-interval', '1');
  await open(page);
  await becomes(page, words().online);
  const device = page.url();

  await page.goto('/devices');
  await page.locator('input[name=device]').first().check();
  await page.locator('#pick button').click();
  await expect(page).toHaveURL(/\/jobs\/new\?device=/);
  const component = page.locator('[name=component]');
  const level = page.locator('[name=level]');
  const start = page.locator('form:has([name=concurrency]) button[type=submit]');
  await expect(component.locator('option')).toHaveCount(2);
  if (scripted()) {
    await expect(async () => {
      await component.selectOption('fan');
      await component.selectOption('led');
      await expect(level, 'a lamp that is only switched has none').toBeHidden({ timeout: 500 });
    }).toPass();
  } else {
    await component.selectOption('led');
    // Without a script the server says so, and keeps what was typed.
    await level.fill('40');
    await start.click();
    const wrong = inKorean() ? '켜고 끌 수만 있는 부품입니다.' : 'This component can only be turned on and off.';
    await expect(page.locator('#level-about .wrong')).toContainText(wrong);
    await expect(level).toHaveValue('40');
    await expect(component).toHaveValue('led');
    await looked(page, 'job-level-refused');
  }
  await component.selectOption('fan');
  await expect(level).toBeVisible();
  if (scripted()) await expect(page.locator('#level-about')).toContainText(/\S \(fan\)/);
  await level.fill('101');
  await start.click();
  await expect(page.locator('input:invalid').first(), 'it is not sent').toHaveValue('101');
  await level.fill('40');
  await looked(page, 'job-level');
  await start.click();
  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}$/);
  await expect(page.locator('h1')).toHaveText('fan → 40 %');
  await expect(page.locator('.jobsum dd').first()).toContainText(/fan\s*40 %/);
  await expect(async () => {
    if (!scripted()) await page.reload();
    await expect(page.locator('.tabs a[href*="state=succeeded"]')).toContainText('1', { timeout: 500 });
  }).toPass();
  await page.goto(device);
  await expect(async () => {
    await page.reload();
    const tile = page.locator('.tiles .tile', { has: page.locator('form.level') });
    await expect(tile).toContainText('ON 40 %', { timeout: 500 });
  }, 'and the fan runs so').toPass();
});
