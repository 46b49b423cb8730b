// Moving a device to another Wi-Fi network: what is wrong is said, one change succeeds, one comes back.
import { becomes, enrolAndClaim, live, open, words } from './device';
import { expect, inKorean, looked, member, scripted, setUp, test } from './person';

function said() {
  return inKorean()
    ? { moved: '새 네트워크로 바뀜', returned: '원래 네트워크로 돌아옴', why: '이 사이트에 연결되지 않아', wrong: '비밀번호가 틀렸거나' }
    : { moved: 'On the new network', returned: 'Returned to the former network', why: 'not reached from there', wrong: 'password is wrong' };
}

test('a device is moved to another network, and comes back where its site is not reached', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  madang.agent('machine', 'run', '--simulate', 'wifi', '--report-interval', '1', '--wifi-patience', '4');
  await open(page);
  await becomes(page, words().online);
  const device = page.url();
  await page.locator('a[href$="/wifi"]').click();
  await expect(page).toHaveURL(/\/wifi$/);
  const form = page.locator('form[action="/do/change_wifi"]');
  const [ssid, password] = [form.locator('[name=ssid]'), form.locator('[name=password]')];
  const submit = form.locator('button[type=submit]');
  const ended = page.locator('.wifi-changes .list > li');
  const reload = async () => void (scripted() || (await page.reload()));
  await expect(form).toBeVisible();
  // The device says which network it is on.
  await expect(async () => {
    await reload();
    await expect(page.locator('.facts')).toContainText('simulated', { timeout: 500 });
  }).toPass();
  await looked(page, 'wifi');

  // What is wrong is said beside its field, and nothing is lost but the password of a plain post.
  await ssid.fill('연구실 5G');
  await form.locator('[name=hidden]').check();
  await password.fill('short');
  if (scripted()) {
    await live(page);
    await form.locator('.fld .check input').check();
    await expect(password).toHaveAttribute('type', 'text');
    await form.locator('.fld .check input').uncheck();
  }
  await submit.click();
  await expect(form.locator('.wrong')).toHaveCount(1);
  await expect(ssid).toHaveValue('연구실 5G');
  await expect(form.locator('[name=hidden]')).toBeChecked();
  await expect(password).toHaveValue(scripted() ? 'short' : '');
  await looked(page, 'wifi-refused');
  await ssid.fill('한글이름은세글자씩센다네');
  await password.fill('correct horse');
  await submit.click();
  await expect(form.locator('.wrong')).toHaveCount(1);
  await expect(ended).toHaveCount(0);

  // One that succeeds.
  await ssid.fill('연구실 5G');
  await password.fill('correct horse');
  await submit.click();
  await expect(async () => {
    await reload();
    await expect(ended).toHaveCount(1, { timeout: 500 });
  }).toPass();
  await expect(ended.first()).toContainText('연구실 5G');
  await expect(ended.first()).toContainText(said().moved);
  await expect(page.locator('.facts')).toContainText('연구실 5G');
  await expect(form).toBeVisible();
  await expect(password).toHaveValue('');
  await looked(page, 'wifi-moved');

  // A wrong password, told by the device: the network is there to try again.
  await ssid.fill('연구실 2층');
  await password.fill('wrong-password');
  await submit.click();
  await expect(async () => {
    await reload();
    await expect(ended).toHaveCount(2, { timeout: 500 });
  }).toPass();
  await expect(ended.first()).toContainText(said().wrong);
  await expect(form).toBeVisible();
  await expect(ssid).toHaveValue('연구실 2층');

  // One that leads nowhere: the device is away, and comes back.
  await ssid.fill('nowhere');
  await password.fill('correct horse');
  await submit.click();
  await expect(async () => {
    await reload();
    await expect(page.locator('.steps .s2')).toBeVisible({ timeout: 500 });
    await expect(page.locator('.head')).toContainText(words().offline, { timeout: 500 });
  }).toPass({ intervals: [100] });
  await expect(form).toBeHidden();
  await looked(page, 'wifi-away');
  await expect(async () => {
    await reload();
    await expect(ended).toHaveCount(3, { timeout: 500 });
    await expect(page.locator('.head')).toContainText(words().online, { timeout: 500 });
  }).toPass({ timeout: 30_000 });
  await expect(ended.first()).toContainText(said().returned);
  await expect(ended.first()).toContainText(said().why);
  await expect(page.locator('.facts'), 'the last that was done').toContainText('연구실 5G');
  await expect(page.locator('body')).not.toContainText('correct horse');
  await looked(page, 'wifi-returned');

  // On the device's page the same is said in words, with the code behind them.
  await page.goto(device);
  const line = page.locator('section.commands li', { hasText: 'nowhere' });
  await expect(line.locator('p[title^="server_not_reached"]')).toContainText(said().why);
  await expect(page.locator('section.commands').first()).not.toContainText('correct horse');
});

test('a change waits for a device that is away, and is taken back; others do not see the page', async ({ page, madang }) => {
  await setUp(page, madang);
  await enrolAndClaim(page, madang);
  await open(page);
  await page.goto(`${page.url()}/wifi`);
  const form = page.locator('form[action="/do/change_wifi"]');
  await expect(page.locator('.banner')).toBeVisible();
  if (scripted()) await live(page);
  await form.locator('[name=ssid]').fill('lab');
  await form.locator('[name=password]').fill('correct horse');
  await form.locator('button[type=submit]').click();
  const cancel = page.locator('form[action="/do/cancel_command"] button');
  await expect(cancel).toBeVisible();
  await expect(form).toBeHidden();
  await looked(page, 'wifi-waits');
  await cancel.click();
  await expect(form).toBeVisible();
  await expect(form.locator('[name=ssid]')).toHaveValue('lab');
  await expect(page.locator('.wifi-changes .list > li')).toHaveCount(1);
  const address = page.url();
  await member(page);
  await page.goto(address);
  await expect(page.locator('form[action="/do/change_wifi"]')).toHaveCount(0);
});
