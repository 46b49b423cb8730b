// What is loaded only when someone needs it: search, the list of keys, notes with their way back.
import { preregister, serial } from './device';
import { expect, forgotten, inKorean, looked, setUp, signIn, administrator, test } from './person';

test.beforeEach(() => {
  test.skip(test.info().project.use.javaScriptEnabled === false, 'none of it is there without a script');
});

test('search and the list of keys open by a key, each time', async ({ page, madang }) => {
  await setUp(page, madang);
  await page.goto('/users');
  const search = page.locator('dialog.palette');
  for (const time of ['the first time', 'again']) {
    await expect(async () => {
      await page.keyboard.press('/');
      await expect(search, time).toBeVisible({ timeout: 1_000 });
    }).toPass();
    await expect(search.getByRole('combobox')).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(search).toBeHidden();
  }
  const keys = page.locator('dialog:has(.keys)');
  for (const time of ['the first time', 'again']) {
    await page.keyboard.press('?');
    await expect(keys, time).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(keys).toBeHidden();
  }
  await page.keyboard.press('/');
  await search.getByRole('combobox').fill('claim me');
  await looked(page, 'search');
  await page.keyboard.press('Enter');
  await expect(page, 'the devices of that name').toHaveURL(/devices\?q=claim/);
  await expect(search).toBeHidden();
});

test('search opens a device by its serial number, and runs commands', async ({ page, madang }) => {
  await setUp(page, madang);
  await preregister(page);
  const search = page.locator('dialog.palette');
  const entries = search.locator('[role=option]');
  const look = async (text: string) => {
    await page.goto('/users');
    await expect(async () => {
      await page.keyboard.press('/');
      await expect(search).toBeVisible({ timeout: 1_000 });
    }).toPass();
    await search.getByRole('combobox').fill(text);
  };
  await look(serial);
  const device = entries.filter({ hasText: `창가 컴퓨터 · ${serial}` });
  await expect(device).toBeVisible();
  await looked(page, 'search-device');
  await device.click();
  await expect(page).toHaveURL(/\/devices\/[0-9a-f-]{36}$/);
  await expect(search).toBeHidden();

  await look(inKorean() ? '기기 사전' : 'pre-reg');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/devices\/new$/);
  await look(inKorean() ? '어둡게' : 'dark');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page, 'on the page where it was chosen').toHaveURL(/\/users$/);
  await look(inKorean() ? '로그아웃' : 'sign out');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/sign-in/);
});

test('a role that was given is taken back by its note', async ({ page, madang }) => {
  await setUp(page, madang);
  await page.goto('/users');
  await page.locator('#invite form:has([name=email]) button[type=submit]').click();
  const link = new URL(await page.locator('#invitation-link').inputValue());
  await forgotten(page);
  await page.goto(link.pathname + link.search);
  await page.locator('[name=name]').fill('박바다');
  await page.locator('[name=email]').fill('bada@example.org');
  await page.locator('[name=password]').fill('another long password 2');
  await page.locator('form[action="/do/register"] button[type=submit]').click();
  await expect(page).not.toHaveURL(/register/);
  await forgotten(page);
  await signIn(page, administrator);
  await expect(page).not.toHaveURL(/sign-in/);

  await page.goto('/users');
  const form = page.locator('form[action="/do/set_role"]');
  await form.locator('[name=role]').selectOption('developer');
  await form.locator('button').click();
  const note = page.locator('.toast');
  await expect(note).toContainText('박바다');
  await expect(form.locator('[name=role]')).toHaveValue('developer');
  await looked(page, 'role-given');
  await note.locator('button').first().click();
  await expect(note).toHaveCount(0);
  await expect(form.locator('[name=role]'), 'as before').toHaveValue('member');
});
