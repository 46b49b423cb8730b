// Finding devices again: tags, filters, views, a file; and sharing one.
import type { Locator, Page } from '@playwright/test';
import { becomes, enrolAndClaim, open, preregister, words } from './device';
import { administrator, expect, forgotten, inKorean, looked, member, scripted, setUp, signIn, test } from './person';

const devices = ['온실 앞', '온실 뒤', '창고'].map((name, n) => ({
  serial: `FIND-000${n + 1}`,
  name,
  kind: 'computer',
  components: 'cpu, led',
}));

/** Opens what is folded; the part of a page that is loaded later may come in between and be folded again. */
async function unfold(part: Locator, within: string): Promise<void> {
  const field = part.locator(within);
  await expect(async () => {
    if (!(await field.isVisible())) await part.locator('summary').first().click({ timeout: 500 });
    await expect(field).toBeVisible({ timeout: 500 });
  }).toPass();
}

/** So many times the page is drawn. */
async function frames(page: Page, count: number): Promise<void> {
  await page.evaluate(async (count) => {
    for (let n = 0; n < count; n++) await new Promise(requestAnimationFrame);
  }, count);
}

test('devices are tagged together, taken back, and found by their tags', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  for (const device of devices) await preregister(page, device);
  const rows = page.locator('table.entries tbody tr');
  const tags = page.locator('table.entries a.tag');

  await page.goto(`/devices?q=${encodeURIComponent('온실')}`);
  await expect(rows).toHaveCount(2);
  const tagAll = async () => {
    await page.locator('.bulk-tags summary').click();
    await page.locator('.bulk-tags [name=add]').fill('Lab-1, 창가');
    await page.locator('.bulk-tags button[type=submit]').click();
    await expect(page.locator('.banner.good')).toContainText('2');
  };
  await tagAll();
  await expect(tags).toHaveCount(4);
  await looked(page, 'devices-tagged');
  await page.locator('.banner.good button').click();
  await expect(page.locator('.banner.good button')).toHaveCount(0);
  await expect(tags).toHaveCount(0);
  await page.goto(`/devices?q=${encodeURIComponent('온실')}`);
  await tagAll();

  await page.goto('/devices?q=tag:none');
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText('창고');
  await page.goto(`/devices?q=${encodeURIComponent('tag:lab-1 -앞')}`);
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText('온실 뒤');

  // Those that are picked, and no other; without a script the boxes lead on to a form of their own.
  if (!scripted()) {
    await page.goto('/devices?q=serial:FIND');
    await rows.filter({ hasText: '창고' }).getByRole('checkbox').check();
    await page.locator('button[formaction="/devices/tags"]').click();
    await expect(page).toHaveURL(/\/devices\/tags\?device=[0-9a-f-]{36}$/);
    await looked(page, 'devices-tags-picked');
    const form = page.locator('form[action="/do/tag_matching"]');
    await form.locator('[name=add]').fill('a/b');
    await form.locator('button[type=submit]').click();
    await expect(page.locator('#add-about .wrong')).toBeVisible();
    await expect(form.locator('[name=add]'), 'what was typed stays').toHaveValue('a/b');
    await form.locator('[name=add]').fill('창고');
    await form.locator('button[type=submit]').click();
    await expect(page.locator('.banner.good')).toContainText('1');
    await page.goto('/devices?q=serial:FIND');
    await expect(tags.filter({ hasText: '창고' })).toHaveCount(1);
    await expect(tags).toHaveCount(5);
    await page.goto('/devices/tags');
    await expect(form, 'nobody is picked, so nobody is tagged').toHaveCount(0);
    await looked(page, 'devices-tags-none');
    await page.goto('/devices');
  } else {
    await page.goto('/devices?q=serial:FIND');
    await rows.filter({ hasText: '창고' }).getByRole('checkbox').check();
    await expect(page.locator('.bulk-tags summary')).toContainText('1');
    await page.locator('.bulk-tags summary').click();
    await page.locator('.bulk-tags [name=add]').fill('창고');
    await page.locator('.bulk-tags button[type=submit]').click();
    await expect(page.locator('.banner.good')).toContainText('1');
    await expect(tags.filter({ hasText: '창고' })).toHaveCount(1);
    await expect(tags).toHaveCount(5);

    // What is looked for changes with the address, also over what was typed and not sent; and back.
    const search = page.locator('[role=search] [name=q]');
    await search.fill('half typed');
    await tags.filter({ hasText: '창고' }).click();
    await expect(search).toHaveValue('tag:창고');
    await expect(rows).toHaveCount(1);
    await search.fill('half typed');
    await page.goBack();
    await expect(search).toHaveValue('serial:FIND');
    await expect(rows).toHaveCount(3);
  }

  // What is not understood is marked where it stands, and stays to be mended.
  await page.locator('[role=search] [name=q]').fill('tag:lab-1 colour:red');
  await page.locator('form[role=search] button[type=submit]').click();
  await expect(page.locator('mark')).toHaveText('colour');
  await expect(page.locator('[role=search] [name=q]')).toHaveValue('tag:lab-1 colour:red');
  await looked(page, 'devices-not-understood');
});

test('what narrows the list is seen, and taken off one by one or at once', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  for (const device of devices) await preregister(page, device);
  const rows = page.locator('table.entries tbody tr');
  const narrowed = page.locator('.narrowed');
  const chips = narrowed.locator('a.chiplink');
  const asked = () => Object.fromEntries(new URL(page.url()).searchParams);

  await page.goto('/devices');
  await expect(rows).toHaveCount(3);
  await expect(narrowed, 'it is not narrowed').toHaveCount(0);

  const search = 'tag:none serial:FIND (앞 OR 뒤)';
  await page.goto(`/devices?q=${encodeURIComponent(search)}&lifecycle=unclaimed&kind=computer&density=compact`);
  await expect(rows).toHaveCount(2);
  await expect(chips).toHaveText([
    inKorean() ? '미등록' : 'Unclaimed',
    inKorean() ? '컴퓨터' : 'Computer',
    'tag:none',
    'serial:FIND',
    '앞 OR 뒤',
  ]);
  await looked(page, 'devices-narrowed');

  await chips.filter({ hasText: '앞 OR 뒤' }).click();
  await expect(rows).toHaveCount(3);
  await expect(chips).toHaveCount(4);
  await expect.poll(asked, 'the rest stays').toEqual({
    q: 'tag:none serial:FIND',
    lifecycle: 'unclaimed',
    kind: 'computer',
    density: 'compact',
  });
  await chips.first().click();
  await expect(chips).toHaveCount(3);
  await expect(page).not.toHaveURL(/lifecycle/);
  await narrowed.locator('a:not(.chiplink)').click();
  await expect.poll(asked, 'rows stay as high as they were').toEqual({ density: 'compact' });
  await expect(narrowed).toHaveCount(0);
  await expect(rows).toHaveCount(3);

  // One alone is taken off by itself; what was not understood can be, too.
  await page.goto('/devices?q=colour:red');
  await expect(chips).toHaveText(['colour:red']);
  await expect(narrowed.locator('a')).toHaveCount(1);
  await chips.click();
  await expect(rows).toHaveCount(3);
});

test('devices are picked by the page, kept when it comes to life, and let go', async ({ page, madang }) => {
  test.skip(!scripted(), 'these need a script');
  test.slow();
  await setUp(page, madang);
  for (const device of devices) await preregister(page, device);
  const boxes = page.locator('tbody [name=device]');
  const ticked = page.locator('tbody [name=device]:checked');
  const send = page.locator('#pick button');

  // Ticked before the page is alive.
  let alive = () => {};
  const held = new Promise<void>((resolve) => (alive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('/devices?q=serial:FIND', { waitUntil: 'commit' });
  await boxes.first().check();
  alive();
  await expect(send).toContainText('1');
  await expect(ticked).toHaveCount(1);

  const whole = page.locator('thead input');
  if (await whole.isVisible()) {
    await whole.check();
    await expect(ticked).toHaveCount(3);
    await expect(send).toContainText('3');
  }
  await looked(page, 'devices-picked-bar');
  const tags = page.locator('.bulk-tags');
  await tags.locator('summary').click();
  await expect(tags.locator('[name=add]')).toBeInViewport();
  await page.keyboard.press('Escape');
  await expect(tags).not.toHaveAttribute('open');
  await expect(tags.locator('summary')).toBeFocused();
  await tags.locator('summary').click();
  await looked(page, 'devices-picked-tags');
  await tags.locator('[name=add]').fill('picked');
  await tags.locator('button[type=submit]').click();
  await expect(page.locator('.banner.good button'), 'the way back is in sight').toBeInViewport();
  await page.locator('button[type=reset]').click();
  await expect(ticked).toHaveCount(0);
  await expect(send).toBeHidden();

  // Menus fold by Escape and by a press elsewhere.
  const menus = page.locator('main details.menu:not(.bulk-tags), header details.menu');
  for (const menu of await menus.all()) {
    const summary = menu.locator('summary');
    await summary.click();
    await expect(menu).toHaveAttribute('open');
    await page.keyboard.press('Escape');
    await expect(menu).not.toHaveAttribute('open');
    await expect(summary).toBeFocused();
    await summary.click();
    await page.locator('h1').click();
    await expect(menu).not.toHaveAttribute('open');
  }
});

test('a list is shown as one likes, kept as a view, and taken away as a file', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  for (const device of devices) await preregister(page, device);
  await page.goto('/devices?q=serial:FIND');
  const heads = page.locator('table.entries thead th');
  const columns = page.locator('details.menu:has([name=col])');
  await columns.locator('summary').click();
  await columns.locator('[value=owner]').uncheck();
  await columns.locator('[value=hardware]').check();
  await columns.locator('[name=col][placeholder]').fill('state.led');
  await columns.locator('button[type=submit]').click();
  await expect(page).toHaveURL(/col=state\.led/);
  await expect(heads.last()).toHaveText('state.led'.slice(6));
  await page.locator('.seg a').last().click();
  await expect(page).toHaveURL(/density=compact/);
  await expect(page).toHaveURL(/q=serial/);
  await expect(page.locator('section.devices')).toHaveAttribute('data-density', 'compact');
  await expect(page.locator('table.entries tbody tr'), 'the rows stay').toHaveCount(3);
  await looked(page, 'devices-columns');

  const views = page.locator('.views');
  await views.locator('summary').click();
  await views.locator('[name=view_name]').fill('찾은 것');
  await views.locator('[name=shared]').check();
  await views.locator('form:has([name=view_name]) button[type=submit]').click();
  const kept = views.locator('a.chiplink', { hasText: '찾은 것' });
  await expect(kept).toHaveAttribute('aria-current', 'page');
  await page.goto('/devices');
  await kept.click();
  await expect(page).toHaveURL(/density=compact/);
  await looked(page, 'devices-view');

  const file = page.locator('a[href^="/api/devices/export.csv"]');
  const answer = await page.request.get((await file.getAttribute('href'))!);
  expect((await answer.body()).subarray(0, 3)).toEqual(Buffer.from('\uFEFF'));
  const lines = (await answer.text()).trim().split('\r\n');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/name,serial,.*state\.led,state\.led\.forced$/);

  await views.locator('summary').click();
  await views.locator('form:has([name=view]) button').click();
  await expect(kept).toHaveCount(0);
  await page.locator('.banner button').click();
  await expect(kept).toHaveCount(1);
});

test('a device is shared, seen by another, and left', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  madang.agent('machine', 'run', '--simulate', 'led', '--report-interval', '1');
  await member(page);
  await forgotten(page);
  await signIn(page, administrator);
  await expect(page).not.toHaveURL(/sign-in/);
  await open(page);
  await becomes(page, words().online);

  const tags = page.locator('.tags-of');
  await unfold(tags, '[name=tags]');
  await tags.locator('[name=tags]').fill('window');
  await tags.locator('button[type=submit]').click();
  await expect(tags.locator('a.tag')).toHaveText('window');

  const people = page.locator('.people');
  await unfold(people, '[name=email]');
  await people.locator('[name=email]').fill('nobody@example.org');
  await people.locator('details button[type=submit]').click();
  await expect(people.locator('.wrong')).toBeVisible();
  await expect(people.locator('[name=email]')).toHaveValue('nobody@example.org');
  await people.locator('[name=email]').fill('bada@example.org');
  await people.locator('details button[type=submit]').click();
  await expect(people.locator('li')).toHaveCount(2);
  await looked(page, 'device-shared');

  // Taken back by mistake, and given again.
  const ended = people.locator('.banner');
  await people.locator('form[action="/do/unshare_device"] button').click();
  await expect(people.locator('li')).toHaveCount(1);
  await expect(ended).toBeVisible();
  await looked(page, 'device-unshared');
  await ended.locator('button').click();
  await expect(people.locator('li')).toHaveCount(2);
  await expect(people.locator('li').last()).toContainText('bada@example.org');
  await expect(ended).toHaveCount(0);
  const address = page.url();

  await page.goto(`${address}?days=90`);
  const strip = page.locator('.presence-days .strip');
  await expect(strip.locator('.on')).toHaveAttribute('d', /v/);
  await expect(strip).toHaveAttribute('aria-label', inKorean() ? /온라인 \d/ : /Online \d/);

  // Presence and chart each keep what the address says of the other; and what is pressed while its part of the page
  // comes to life is clicked.
  const quarter = page.locator('.presence-days a[href*="days=90"]');
  if (scripted()) {
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route('**/do/read_beside', async (route) => {
      await held;
      await route.continue();
    });
    const answered = page.waitForResponse('**/do/read_beside');
    await page.goto(`${address}?value=memory.percent&range=6h`);
    await quarter.hover();
    await page.mouse.down();
    answer();
    await (await answered).finished();
    await frames(page, 20);
    await page.mouse.up();
    await page.unroute('**/do/read_beside');
  } else {
    await page.goto(`${address}?value=memory.percent&range=6h`);
    await quarter.click();
  }
  const asked = () => Object.fromEntries(new URL(page.url()).searchParams);
  await expect.poll(asked).toEqual({ value: 'memory.percent', range: '6h', days: '90' });
  const day = page.locator('.history a[href*="range=24h"]');
  await expect(day).toHaveAttribute('href', /days=90/);
  await day.click();
  await expect.poll(asked).toEqual({ value: 'memory.percent', range: '24h', days: '90' });
  await expect(page.locator('.presence-days a[aria-current]')).toHaveAttribute('href', /days=90/);

  await forgotten(page);
  await signIn(page, { email: 'bada@example.org', password: 'another long password 2' });
  await expect(page).not.toHaveURL(/sign-in/);
  await page.goto(address);
  await expect(page.locator('.tags-of a.tag')).toHaveText('window');
  await expect(page.locator('.tags-of form')).toHaveCount(0);
  await unfold(people, '[name=sure]');
  await people.locator('[name=sure]').check();
  await looked(page, 'device-leaving');
  await people.locator('details button[type=submit]').click();
  await expect(page).toHaveURL(/\/devices$/);
  await expect(page.locator('table.entries')).toHaveCount(0);
});
