// Who may come in, and what they find changed when they come back.
import { preregister } from './device';
import { administrator, expect, forgotten, looked, member, scripted, setUp, signIn, submitSignIn, test } from './person';

test('the setup code makes the first administrator, once', async ({ page, madang }) => {
  await page.goto('/');
  await expect(page).toHaveURL(/\/(setup|sign-in)/);
  await page.goto('/setup');
  await looked(page, 'setup');
  await setUp(page, madang);
  await expect(page.locator('main a.pri[href="/devices/new"]'), 'the next step').toBeVisible();
  await looked(page, 'overview-empty');

  await forgotten(page);
  await page.goto('/setup');
  await expect(page).toHaveURL(/sign-in/);
});

test('a wrong setup code is refused and what was typed stays', async ({ page }) => {
  await page.goto('/setup');
  await page.locator('[name=code]').fill('not-the-code');
  await page.locator('[name=name]').fill(administrator.name);
  await page.locator('[name=email]').fill(administrator.email);
  await page.locator('[name=password]').fill(administrator.password);
  await page.locator('form[action="/do/set_up"] button[type=submit]').click();
  await expect(page.locator('[name=code]')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.locator('[name=email]')).toHaveValue(administrator.email);
  await looked(page, 'setup-refused');
});

test('sign in after a wrong password, and sign out', async ({ page, madang }) => {
  await setUp(page, madang);
  await forgotten(page);
  await page.goto('/devices');
  await expect(page).toHaveURL(/sign-in/);
  await looked(page, 'sign-in');

  await signIn(page, { ...administrator, password: 'not the password' });
  await expect(page).toHaveURL(/sign-in/);
  await expect(page.locator('[name=email]')).toHaveValue(administrator.email);
  await looked(page, 'sign-in-refused');

  await page.goto('/devices');
  await submitSignIn(page, administrator);
  await expect(page, 'on to the page that was asked for').toHaveURL(/devices/);

  await page.goto('/account');
  await page.locator('main form[action="/do/sign_out"] button').click();
  await expect(page).toHaveURL(/sign-in/);
  await page.goto('/devices');
  await expect(page, 'signed out').toHaveURL(/sign-in/);
});

test('by invitation a person comes in, and sees only what is theirs', async ({ page, madang }) => {
  await setUp(page, madang);
  await member(page);
  await expect(page.locator('main a.pri[href="/claim"]'), 'the next step').toBeVisible();
  await looked(page, 'overview-member');

  // An administrator's page is closed, and the way to it is not shown.
  await expect(page.locator('nav a[href="/users"]')).toHaveCount(0);
  await page.goto('/users');
  await expect(page.locator('#invite')).toHaveCount(0);
});

test('the language and the theme that were chosen stay', async ({ page, madang }) => {
  await setUp(page, madang);
  await expect(page.locator('html')).toHaveAttribute('lang', test.info().project.use.locale!.slice(0, 2));
  for (const [field, value] of [
    ['language', 'en'],
    ['language', 'ko'],
    ['theme', 'dark'],
  ]) {
    const form = page.locator(`header form:has([name=${field}][value=${value}])`).first();
    const menu = page.locator(`header details:has([name=${field}])`).first();
    await menu.locator('summary').click();
    // The theme is seen before it is kept.
    const kept = page.waitForResponse(answer => answer.url().includes('/do/set_'));
    await form.locator('button').click();
    await kept;
    const attribute = field === 'language' ? 'lang' : 'data-theme';
    await expect(page.locator('html')).toHaveAttribute(attribute, value);
    await page.goto('/account');
    await expect(page.locator('html'), 'after loading again').toHaveAttribute(attribute, value);
  }
  await looked(page, 'account-dark');
});

test('one signs out elsewhere, and a new password does so everywhere', async ({ page, madang, browser }) => {
  await setUp(page, madang);
  const { locale, javaScriptEnabled } = test.info().project.use;
  const context = await browser.newContext({ baseURL: madang.ready.http, locale, javaScriptEnabled });
  const elsewhere = await context.newPage();
  await signIn(elsewhere, administrator);
  await expect(elsewhere).not.toHaveURL(/sign-in/);

  await page.goto('/account');
  const sessions = page.locator('.sessions li');
  await expect(sessions).toHaveCount(2);
  await sessions.locator('form button').click();
  await expect(sessions).toHaveCount(1);
  await elsewhere.goto('/account');
  await expect(elsewhere, 'signed out from afar').toHaveURL(/sign-in/);
  await submitSignIn(elsewhere, administrator);
  await expect(elsewhere).not.toHaveURL(/sign-in/);

  const password = 'quite another password 3';
  const form = page.locator('form[action="/do/change_password"]');
  const change = async (current: string) => {
    await form.locator('[name=current]').fill(current);
    await form.locator('[name=password]').fill(password);
    await form.locator('button[type=submit]').click();
  };
  await change('not the password');
  await expect(form.locator('[name=current]')).toHaveAttribute('aria-invalid', 'true');
  await looked(page, 'password-refused');
  await change(administrator.password);
  await expect(form.locator('[role=status]')).not.toBeEmpty();
  await expect(form.locator('[name=password]'), 'no secret stays in the page').toHaveValue('');
  await looked(page, 'password-changed');
  await elsewhere.goto('/account');
  await expect(elsewhere).toHaveURL(/sign-in/);
  await submitSignIn(elsewhere, { ...administrator, password });
  await expect(elsewhere).not.toHaveURL(/sign-in/);
  await context.close();
});

test('one takes another address, and signs in with it', async ({ page, madang }) => {
  await setUp(page, madang);
  await page.goto('/account');
  const form = page.locator('form[action="/do/change_address"]');
  const change = async (email: string, password: string) => {
    await form.locator('[name=new_email]').fill(email);
    await form.locator('[name=address_password]').fill(password);
    await form.locator('button[type=submit]').click();
  };
  const email = 'sky@example.org';
  await change(email, 'not the password');
  await expect(form.locator('[name=address_password]')).toHaveAttribute('aria-invalid', 'true');
  await expect(form.locator('[name=new_email]'), 'nothing typed is lost').toHaveValue(email);
  await looked(page, 'address-refused');
  await change(email, administrator.password);
  await expect(form.locator('[role=status]')).not.toBeEmpty();
  await expect(page.locator('.head .meta')).toHaveText(email);
  await expect(form.locator('[name=address_password]'), 'no secret stays in the page').toHaveValue('');
  await looked(page, 'address-changed');

  await forgotten(page);
  await signIn(page, administrator);
  await expect(page, 'the former address opens nothing').toHaveURL(/sign-in/);
  await submitSignIn(page, { ...administrator, email });
  await expect(page).not.toHaveURL(/sign-in/);
});

test('an API key is shown once, opens the API to a program, and is revoked', async ({ page, madang, request }) => {
  await setUp(page, madang);
  await page.goto('/account');
  const card = page.locator('#api-keys');
  const name = card.locator('[name=key_name]');
  const make = async (called: string) => {
    await name.fill(called);
    await card.locator('form:has([name=key_name]) button[type=submit]').click();
  };
  await make(' ');
  await expect(name, 'it must be called something').toHaveAttribute('aria-invalid', 'true');
  await make('온실 기록기');
  const key = await card.locator('#api-key').inputValue();
  expect(key).toMatch(/^mdg_/);
  const keys = card.locator('li');
  await expect(keys).toHaveCount(1);
  await expect(keys).toContainText('온실 기록기');
  await expect(name).toHaveValue('');
  await looked(page, 'api-key-made');

  // A program: it has no cookie.
  const asked = async () => {
    const answer = await request.get(`${madang.ready.http}/api/devices`, { headers: { 'X-API-Key': key } });
    return answer.status();
  };
  expect(await asked()).toBe(200);
  await page.reload();
  await expect(keys).toHaveCount(1);
  await expect(card.locator('#api-key'), 'it is shown once').toHaveCount(0);
  await looked(page, 'api-keys');
  await keys.locator('form button').click();
  await expect(keys).toHaveCount(0);
  expect(await asked()).toBe(401);

  // One that is revoked as soon as it was made is nothing to copy, one that works stays.
  await make('온실 기록기');
  await expect(keys).toHaveCount(1);
  await make('창고 기록기');
  await expect(keys).toHaveCount(2);
  await expect(card.locator('#api-key')).toBeVisible();
  if (scripted()) {
    await keys.filter({ hasText: '온실 기록기' }).locator('form button').click();
    await expect(keys).toHaveCount(1);
    await expect(card.locator('#api-key'), 'another one was revoked').toBeVisible();
  }
  await keys.filter({ hasText: '창고 기록기' }).locator('form button').click();
  await expect(keys.filter({ hasText: '창고 기록기' })).toHaveCount(0);
  await expect(card.locator('#api-key')).toHaveCount(0);
});

test('wrong passwords are limited to five a minute', async ({ page, madang, context }) => {
  await setUp(page, madang);
  await forgotten(page);
  const attempt = (password: string) =>
    context.request.post(`${madang.ready.http}/do/sign_in`, {
      form: { email: administrator.email, password, next: '/' },
      headers: { origin: madang.ready.http },
      maxRedirects: 0,
    });
  await attempt(administrator.password);
  await page.goto('/devices');
  await expect(page, 'the right password alone opens').toHaveURL(/devices/);
  await forgotten(page);

  for (let i = 0; i < 5; i += 1) await attempt('not the password');
  // Even the right one waits: whoever guesses learns nothing.
  await attempt(administrator.password);
  await page.goto('/devices');
  await expect(page).toHaveURL(/sign-in/);
});

test('every page of the household loads directly', async ({ page, madang }) => {
  test.slow();
  await setUp(page, madang);
  await preregister(page); // a job is for somebody
  for (const [name, path] of [
    ['overview', '/'],
    ['devices', '/devices'],
    ['preregister', '/devices/new'],
    ['import', '/devices/import'],
    ['charts', '/charts'],
    ['jobs', '/jobs'],
    ['job-new-all', '/jobs/new?filter='],
    ['claim', '/claim'],
    ['identity', '/identity'],
    ['notices', '/notices'],
    ['catalog', '/catalog'],
    ['users', '/users'],
    ['account', '/account'],
  ]) {
    const answer = await page.goto(path);
    expect(answer?.status(), path).toBe(200);
    await expect(page.locator('h1').first()).toBeVisible();
    await looked(page, name);
  }
});

test('an unknown address says so', async ({ page, madang }) => {
  await setUp(page, madang);
  const answer = await page.goto('/nowhere');
  expect(answer?.status()).toBe(404);
  await looked(page, 'not-found');
});
