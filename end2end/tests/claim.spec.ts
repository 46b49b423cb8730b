// The claim page when something is wrong: what was typed stays, and what to do is said.
import type { Page } from '@playwright/test';
import { preregister, serial } from './device';
import { administrator, expect, forgotten, looked, member, scripted, setUp, submitSignIn, test } from './person';

const form = (page: Page) => page.locator('main form:has([name=code])');
const at = (page: Page, field: string) => form(page).locator(`[name=${field}]`);

async function claim(page: Page, typed: { serial: string; code: string }): Promise<void> {
  await page.goto('/claim');
  await at(page, 'cpu_serial').fill(typed.serial);
  await at(page, 'code').fill(typed.code);
  await form(page).locator('button[type=submit]').click();
}

async function stays(page: Page, typed: { serial: string; code: string }): Promise<void> {
  await expect(at(page, 'cpu_serial')).toHaveValue(typed.serial);
  await expect(at(page, 'code')).toHaveValue(typed.code);
}

/** The label's code, and the same with one letter mistyped. */
async function label(page: Page) {
  const [, code] = (await preregister(page)).split('#')[1].split(',');
  return { code, mistyped: code.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A')) };
}

test('an empty, a blank and a mistyped code are told apart, and nothing typed is lost', async ({ page, madang }) => {
  await setUp(page, madang);
  const { code, mistyped } = await label(page);

  await page.goto('/claim');
  await at(page, 'cpu_serial').fill(serial);
  await form(page).locator('button[type=submit]').click();
  await expect(at(page, 'code'), 'the browser asks for it').toBeFocused();
  await expect(at(page, 'cpu_serial')).toHaveValue(serial);

  await claim(page, { serial, code: '   ' });
  await expect(at(page, 'code')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.locator('#code-about')).toHaveText(/Fill this in|채우세요/);

  await claim(page, { serial, code: mistyped });
  await expect(at(page, 'code')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.locator('#code-about')).toHaveText(/does not match|맞지 않습니다/);
  await stays(page, { serial, code: mistyped });
  await looked(page, 'claim-mistyped');

  // Corrected where it stands, it goes on to the device.
  await at(page, 'code').fill(code);
  await form(page).locator('button[type=submit]').click();
  await expect(page).toHaveURL(/devices\/[0-9a-f-]{36}/);
});

test('a used code says that the device has an owner, and to the owner it opens the device', async ({ page, madang }) => {
  await setUp(page, madang);
  const { code } = await label(page);
  await claim(page, { serial, code });
  await expect(page).toHaveURL(/devices\/[0-9a-f-]{36}/);
  const device = new URL(page.url()).pathname;
  await claim(page, { serial, code });
  await expect(page, 'the owner').toHaveURL(new RegExp(device));

  await member(page);
  await claim(page, { serial, code });
  await expect(page.locator('main [role=alert]')).toHaveText(/has an owner already|이미 다른 사람이 등록한/);
  await stays(page, { serial, code });
  await looked(page, 'claim-used');
  const answer = await page.goto(device);
  expect(answer?.status(), 'nothing is told of it').toBe(404);
  await forgotten(page);
});

test('the link of a label leads through signing in, and nothing has to be typed', async ({ page, madang }) => {
  test.skip(!scripted(), 'what stands behind # is read by a script');
  await setUp(page, madang);
  const shown = (await preregister(page)).split('#')[1];
  const [, code] = shown.split(',');
  await forgotten(page);
  await page.goto(`/claim#${shown}`);
  await expect(page).toHaveURL(/sign-in/);
  const takesAlong = () => expect(page.locator('main form')).toHaveAttribute('action', /#/);
  await takesAlong();
  await submitSignIn(page, { email: administrator.email, password: 'not this one' });
  await expect(page.locator('[name=password][aria-invalid=true]')).toBeVisible();
  await takesAlong();
  await submitSignIn(page, administrator);
  await expect(page).toHaveURL(/\/claim#/);
  await stays(page, { serial, code });
});
