/**
 * Tests a link's page in each state. axe-core must find no accessibility fault, and the page must
 * not be wider than the screen.
 */
import type { Browser, Page, Response } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from './chromium.ts';
import {
  CONTEXT,
  findViolations,
  LOOKS,
  loadAxe,
  measureOverflow,
  PHONE,
  setLook,
  takePicture,
} from './looks.ts';
import { openWindow, pressButton, storeNumber, type Window } from './window.ts';
import { type Label, startWorker, type Worker } from './worker.ts';

const PAGE_MAX_BYTES = 8 * 1024;

let browser: Browser;
let worker: Worker;
beforeAll(async () => {
  [browser, worker] = await Promise.all([launchChromium(), startWorker()]);
});
afterAll(() => Promise.all([browser.close(), worker.close()]));

const YES_OR_NO: Label = {
  name: 'Is the reply correct?',
  description: 'Correct means that each fact in it is in the source.',
  value_type: 'binary',
};
const TONE: Label = {
  name: 'Tone',
  description:
    'How well the reply strikes the tone that the customer would expect.\n1 is rude, 10 is just right.',
  value_type: 'continuous',
  min_value: 1,
  max_value: 10,
};
const REGISTER: Label = {
  name: 'Register',
  value_type: 'categorical',
  categories: ['Formal', 'Casual', 'Rude'],
};
const LONG_TEXT =
  'The reply should answer what was asked, in the words of who asked, and leave out what was not. '.repeat(
    7,
  );
const LONG: Label = {
  name: 'Which of these describes best how the reply treats the question that the customer has asked?',
  description: LONG_TEXT.slice(0, 600),
  value_type: 'categorical',
  categories: Array.from({ length: 12 }, (_, index) =>
    index === 3
      ? 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'
      : `${index + 1}. ${LONG_TEXT.slice(0, 20 + index * 9)}`,
  ),
};
const RIGHT_TO_LEFT: Label = {
  name: 'هل الإجابة صحيحة؟',
  description: 'صحيحة تعني أن كل حقيقة فيها موجودة في المصدر (source.txt).',
  value_type: 'ordinal',
  categories: ['خاطئة', 'صحيحة جزئيًا', 'صحيحة'],
};

const open = async (page: Page, label: Label, value: number, changes: readonly number[] = []) => {
  const created = await worker.createLinkedEvaluation(label, value, { output_name: 'reply' });
  for (const change of changes) await worker.updateAsOther(created.path, change);
  await page.goto(created.link.url);
  return created;
};

/** Maps each state to a function that opens the page in this state. */
const STATES: { readonly [state: string]: (page: Page) => Promise<unknown> } = {
  binary: (page) => open(page, YES_OR_NO, 0),
  categorical: (page) => open(page, REGISTER, 1, [0, 2, 1]),
  ordinal: (page) =>
    open(
      page,
      {
        name: 'Severity',
        value_type: 'ordinal',
        categories: ['None', 'Minor', 'Major', 'Critical'],
      },
      1,
    ),
  continuous: (page) => open(page, TONE, 6, [7, 5.5, 8, 8.5, 7, 9]),
  'one bound': (page) =>
    open(page, { name: 'Mistakes', value_type: 'continuous', min_value: 0 }, 3),
  'no bound': (page) => open(page, { name: 'Difference', value_type: 'continuous' }, -0.25, [1e21]),
  'no label': async (page) =>
    page.goto((await worker.createLinkedEvaluationWithoutLabel(3)).link.url),
  'long texts': async (page) => {
    const { link } = await worker.createLinkedEvaluation(LONG, 3, {
      output_name: 'a_summary_of_the_conversation',
      name: 'x'.repeat(54),
    });
    await page.goto(link.url);
    await page.getByRole('button').nth(11).click();
  },
  'right to left': async (page) => {
    await open(page, RIGHT_TO_LEFT, 0);
    await pressButton(page, 'صحيحة جزئيًا');
  },
  stored: async (page) => {
    await open(page, YES_OR_NO, 0);
    await pressButton(page, 'Yes');
  },
  'stored number': async (page) => {
    await open(page, TONE, 6, [7, 8]);
    await storeNumber(page, '9');
  },
  conflict: async (page) => {
    const { path } = await open(page, REGISTER, 0);
    await worker.updateAsOther(path, 2);
    await pressButton(page, 'Casual');
  },
  'conflict of numbers': async (page) => {
    const { path } = await open(page, TONE, 6);
    await worker.updateAsOther(path, 4);
    await storeNumber(page, '9');
  },
  refused: async (page) => {
    await open(page, TONE, 6);
    await page.getByRole('spinbutton').evaluate((input) => input.removeAttribute('max'));
    await storeNumber(page, '11');
  },
  'does not work': async (page) => {
    const { path, link } = await worker.createLinkedEvaluation(YES_OR_NO, 0);
    await worker.revoke(path, link);
    await page.goto(link.url);
  },
  incomplete: async (page) => {
    const { link } = await worker.createLinkedEvaluation(YES_OR_NO, 0);
    await page.goto(link.url.slice(0, -20));
  },
  'try again': async (page) => {
    await open(page, YES_OR_NO, 0);
    await worker.withFailingUpdates('D1 DB is overloaded.', () => pressButton(page, 'Yes'));
  },
};

let window: Window;
let last: Response;
beforeAll(async () => {
  window = await openWindow(browser, CONTEXT);
  window.page.on('response', (response) => {
    last = response;
  });
});

describe.each(Object.entries(STATES))('the page: %s', (state, openState) => {
  beforeAll(async () => {
    await openState(window.page);
  });

  it('axe-core finds no fault in the page in light, in dark and on a phone', async () => {
    const { page } = window;
    await loadAxe(page);
    const violations: string[] = [];
    for (const look of LOOKS) {
      await setLook(page, look);
      await takePicture(page, `${state} ${look.name}`, { fullPage: true });
      for (const { id, elements } of await findViolations(page))
        violations.push(`${look.name}: ${id}: ${elements}`);
    }

    expect(violations).toEqual([]);
  });

  it('the page fits a screen 320 px wide, and a phone with text at 200 %', async () => {
    const { page } = window;

    await page.setViewportSize({ width: 320, height: 568 });
    expect(await measureOverflow(page)).toBe(0);

    await page.setViewportSize(PHONE);
    await page.evaluate("document.documentElement.style.fontSize = '200%'");
    await takePicture(page, `${state} 200`, { fullPage: true });
    expect(await measureOverflow(page)).toBe(0);
  });

  it(`the page has at most ${PAGE_MAX_BYTES} bytes, sends no unexpected request and writes nothing to the console`, async () => {
    expect((await last.body()).byteLength).toBeLessThanOrEqual(PAGE_MAX_BYTES);
    expect(window.noted.splice(0)).toEqual([]);
  });
});

describe('the page', () => {
  it('the page in forced colors marks the present value with a check mark, and draws the chart in the colour of the text', async () => {
    const { page, context } = await openWindow(browser, { ...CONTEXT, forcedColors: 'active' });
    await STATES['stored']?.(page);
    await takePicture(page, 'forced colors', { fullPage: true });

    const marks = `[...document.querySelectorAll('button')].map((button) => getComputedStyle(button, '::before').content)`;
    expect(await page.evaluate(marks)).toEqual(['none', '"✓\u00a0" / ""']);
    const colors = `[['polyline', 'stroke'], ['circle', 'fill'], ['h1', 'color']]
      .map(([name, property]) => getComputedStyle(document.querySelector(name))[property])`;
    expect(new Set(await page.evaluate<string[]>(colors)).size).toBe(1);
    await context.close();
  });

  it('the page has no animation and no transition', async () => {
    await STATES['stored']?.(window.page);

    const moving = `[...document.querySelectorAll('*')].map((element) => getComputedStyle(element))
      .filter(({ transitionDuration, animationName }) => transitionDuration !== '0s' || animationName !== 'none').length`;
    expect(await window.page.evaluate(moving)).toBe(0);
  });
});
