// A device as its owner meets it: registered, enrolled, claimed, opened.
import { once } from 'node:events';
import type { Page } from '@playwright/test';
import type { Madang } from './madang';
import { expect, inKorean, looked, scripted } from './person';

export const serial = 'JOURNEY-0001';
const computer = { serial, name: '창가 컴퓨터', kind: 'computer', components: 'cpu, memory, uptime, led' };
/** A board whose fan is on a pin that drives it with pulses. */
export const fanned = { ...computer, kind: 'board', components: 'cpu, fan' };

/** Pre-registers through the page; gives the enrolment link that is shown once. */
export async function preregister(page: Page, of = computer): Promise<string> {
  await page.goto('/devices/new');
  await page.locator('[name=cpu_serial]').fill(of.serial);
  await page.locator('[name=name]').fill(of.name);
  await page.locator('[name=kind]').selectOption(of.kind);
  await page.locator('[name=components]').fill(of.components);
  await page.locator('form:has([name=cpu_serial]) button[type=submit]').click();
  const command = await page.locator('section.label code').innerText();
  const link = /'(.+)'/.exec(command)?.[1];
  expect(link, command).toBeTruthy();
  return link!;
}

/** Enrols with the real agent and claims through the page; the agent has ended well. */
export async function enrolAndClaim(page: Page, madang: Madang, of = computer): Promise<void> {
  const link = await preregister(page, of);
  await looked(page, 'preregistered');
  const enrol = madang.agent('machine', 'enroll', link);
  const ended = once(enrol, 'exit');
  await once(enrol.stdout!, 'data'); // it waits for an owner
  const [, shown] = link.split('#');
  const [, code] = shown.split(',');
  await page.goto(`/claim#${shown}`);
  if (!scripted()) {
    await page.locator('[name=cpu_serial]').fill(of.serial);
    await page.locator('[name=code]').fill(code);
  }
  await expect(page.locator('[name=cpu_serial]')).toHaveValue(of.serial);
  await looked(page, 'claim-filled');
  await page.locator('form:has([name=code]) button[type=submit]').click();
  expect((await ended)[0], 'the agent was told of its owner').toBe(0);
}

/** Opens the device's page from the list. */
export async function open(page: Page): Promise<void> {
  await page.goto('/devices');
  await looked(page, 'devices-one');
  const link = page.locator('main a[href^="/devices/"]', { hasText: '창가 컴퓨터' }).first();
  await page.goto((await link.getAttribute('href'))!);
  await expect(page.locator('h1')).toHaveText('창가 컴퓨터');
}

/** Loads the page again until it says so: also without a script it must come to be true. */
export async function becomes(page: Page, mark: string, within = 15_000): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(page.locator('.head').first()).toContainText(mark, { timeout: 500 });
  }).toPass({ timeout: within, intervals: [250] });
}

/** What the page calls a status and its cause. */
export function words() {
  return inKorean()
    ? { online: '온라인', silent: '응답 없음', noReport: '보고 없음', offline: '오프라인', lost: '연결 끊김' }
    : { online: 'Online', silent: 'Silent', noReport: 'no report', offline: 'Offline', lost: 'connection lost' };
}

/** The top bar says that changes arrive. */
export async function live(page: Page): Promise<void> {
  await expect(page.locator('header .live')).toHaveText(inKorean() ? '실시간' : 'Live', { timeout: 30_000 });
}

/** Whatever happens meanwhile, the page is not loaded again and does not leave its address. */
export async function withoutReload(pages: Page[], happens: () => Promise<void>): Promise<void> {
  const left: string[] = [];
  for (const page of pages) {
    page.on('framenavigated', (frame) => frame === page.mainFrame() && left.push(frame.url()));
    await page.evaluate(() => Object.assign(window, { stays: true }));
  }
  await happens();
  expect(left).toEqual([]);
  for (const page of pages) expect(await page.evaluate(() => 'stays' in window)).toBe(true);
}
