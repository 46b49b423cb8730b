// The catalog, and the components of a device: added, refused with the reason, taken back.
import type { Locator } from '@playwright/test';
import { enrolAndClaim, open } from './device';
import { expect, inKorean, looked, setUp, test } from './person';

test('a type of component is added, refused twice, found, deleted and brought back', async ({ page, madang }) => {
  await setUp(page, madang);
  await page.goto('/catalog');
  const rows = page.locator('section.catalog tbody tr');
  await expect(rows.filter({ hasText: 'dht22' })).toHaveCount(1);
  await looked(page, 'catalog-types');

  await page.locator('main .tools a').click();
  const form = page.locator('form:has([name=component_type])');
  const fill = async (name: string, text: string) => form.locator(`[name=${name}]`).fill(text);
  await fill('component_type', 'dht22_temp');
  await fill('display_name_ko', '가스 센서');
  await fill('display_name_en', 'Gas sensor');
  await fill('values', 'ppm | 농도 | Concentration | ppm');
  await form.locator('button[type=submit]').click();
  await expect(form.locator('[role=alert]').first(), 'two sources of one key').toContainText('dht22_temp (dht22)');
  await expect(form.locator('[name=display_name_ko]'), 'what was typed stays').toHaveValue('가스 센서');
  await looked(page, 'catalog-refused');

  await fill('component_type', 'gas');
  await form.locator('button[type=submit]').click();
  const gas = rows.filter({ hasText: 'gas' });
  await expect(gas).toContainText(inKorean() ? '가스 센서' : 'Gas sensor');

  await page.locator('main [role=search] [type=search]').fill('GAS');
  await page.locator('main [role=search] button').click();
  await expect(rows).toHaveCount(1);
  await gas.locator('button').click();
  await expect(gas).toHaveCount(0);
  await page.locator('main form.banner button').click();
  await expect(gas, 'it is back').toHaveCount(1);

  // The state that a relay takes at boot, where its pin rule says nothing.
  await page.goto('/catalog');
  const change = rows.filter({ hasText: 'relay' }).locator('a');
  const atBoot = form.locator('[name=default_state]');
  await change.click();
  await expect(form.locator('[name=component_type]')).toHaveValue('relay');
  await expect(atBoot).toHaveValue('');
  await looked(page, 'catalog-type');
  await atBoot.selectOption('OFF');
  await form.locator('button[type=submit]').click();
  await expect(form).toHaveCount(0);
  await change.click();
  await expect(atBoot).toHaveValue('OFF');
  await form.locator('[name=category]').selectOption('internal_module');
  await expect(atBoot, 'it has no pin').toBeHidden();
});

test('hardware and pin rules are shown, and what is in use is not deleted', async ({ page, madang }) => {
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  await page.goto('/catalog?tab=hardware');
  await looked(page, 'catalog-hardware');
  await page.locator('section.catalog tr', { hasText: 'PC' }).locator('button').click();
  await expect(page.locator('main [role=alert]', { hasText: inKorean() ? '사용 중' : 'in use' })).toBeVisible();

  // More than one page of them: the way before the first, and after the last, leads nowhere and says so.
  await page.goto('/catalog?tab=pins&version=5');
  const ways = page.locator('nav.pager a');
  const nowhere = async (way: Locator) => {
    await expect(way).toHaveAttribute('role', 'link');
    await expect(way).toHaveAttribute('aria-disabled', 'true');
    await expect(way).not.toHaveAttribute('href');
  };
  await nowhere(ways.first());
  await expect(ways.last()).toHaveAttribute('href', /page=2/);
  await looked(page, 'catalog-pins-first');
  await page.locator('nav.pager a.num').last().click();
  await expect(page).toHaveURL(/page=\d/);
  await expect(page.locator('nav.pager a.num').last()).toHaveAttribute('aria-current', 'page');
  await nowhere(ways.last());
  await expect(ways.first()).toHaveAttribute('href', /page=\d/);
  await looked(page, 'catalog-pins-last');

  await page.goto('/catalog?tab=pins&version=5&q=led+standard');
  await expect(page.locator('section.catalog tbody tr').first()).toContainText('GPIO 17');
  await looked(page, 'catalog-pins');
  await page.locator('section.catalog tbody tr a').first().click();
  await expect(page.locator('[name=pin_number]')).toHaveValue('17');
  await looked(page, 'catalog-rule');
});

test('a component is attached to a device, named, detached and brought back', async ({ page, madang }) => {
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  await open(page);
  const parts = page.locator('#components');
  const before = await parts.locator('ul > li').count();
  await parts.locator('details.attach > summary').click();
  const form = parts.locator('details.attach form');
  await form.locator('[name=component_type]').selectOption('relay');
  await form.locator('[name=name]').fill('작업등');
  await form.locator('button[type=submit]').click();
  const relay = parts.locator('ul > li', { hasText: '작업등' });
  await expect(relay).toContainText('relay');
  await looked(page, 'device-components');

  await relay.locator('summary').click();
  await relay.locator('form:has([name=key]) button').click();
  await expect(parts.locator('ul > li')).toHaveCount(before);
  await parts.locator('form.banner button').click();
  await expect(relay, 'it is back under its own key').toContainText('relay');
});
