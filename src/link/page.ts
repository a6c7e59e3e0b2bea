/**
 * Renders the page on which a person answers through a link: the question, the stored value, and a
 * form.
 * The page has no script, and hono/html escapes every text from the database and the request. The
 * form posts to the URL of the page itself, so the HTML need not contain the link's key.
 */
import { html, raw } from 'hono/html';
import type { PageRow } from './answer.ts';
import type { Answer } from './input.ts';
import type { Link } from './key.ts';
import { STYLE } from './style.ts';

/**
 * If each choice has at most this many characters, the page shows the choices side by side.
 * Otherwise it shows them as a list.
 */
const SHORT_MAX_CHARS = 24;

type Html = ReturnType<typeof html>;

/**
 * The state that the page shows to the person.
 * - `asked`: the person has not answered yet.
 * - `stored`: the Worker stored the answer.
 * - `refused`: the Worker did not store the answer, because the answer is not a value that the
 *   label allows.
 * - `changed`: the Worker did not store the answer, because somebody else changed the value while
 *   the person had the page open.
 */
export type PageState =
  | { readonly kind: 'asked' }
  | { readonly kind: 'stored'; readonly value: number }
  | { readonly kind: 'refused'; readonly sentence: string; readonly text: string }
  | { readonly kind: 'changed'; readonly text: string };

/** Returns the page of a link as HTML. */
export function renderLinkPage(row: PageRow, link: Link, state: PageState): Promise<string> {
  const name = row.name ?? 'Evaluation';
  const output = [row.output_name, row.field_path].filter((part) => part !== null).join(' › ');
  return renderDocument(
    writeTitle(state, row, name),
    html`${renderNotice(state, row)}
<h1 dir="auto">${name}</h1>
${row.description && html`<p class="about" dir="auto">${row.description}</p>`}
${output && html`<p><small>Output</small> <b dir="auto">${output}</b></p>`}
<div class="now"><div><small>Now</small><strong dir="auto">${describeValue(row, row.value)}</strong></div>${drawValues(row)}<small>${describeLastChange(row)}</small></div>
<form method="post"><input type="hidden" name="version" value="${row.updated_at ?? row.created_at}">${renderAnswerFields(row, state)}</form>
<footer>Your answer is stored under the name <b dir="auto">${link.author}</b>. This link works until ${time(link.expires_at)}.<p>Run ${row.run_id}</p></footer>`,
  );
}

/**
 * Returns the page of a failure as HTML. If the status is 429 or at least 500, the person is not at
 * fault, and the page offers to try again:
 * - If the person has sent an answer, a button sends the answer again. This is safe: if the
 *   database has already stored the answer, it does not store the answer a second time.
 * - Otherwise, a link opens the page again.
 * @param status the HTTP status of the response
 * @param answer the answer that the button sends again, if the person has sent one
 */
export function renderFailurePage(
  status: number,
  sentence: string,
  answer: Answer | undefined,
): Promise<string> {
  const isTransient = status === 429 || status === 503;
  const heading = isTransient
    ? 'Please try again in a moment'
    : status === 404
      ? 'Please ask for another link'
      : 'That did not work';
  const isOurs = isTransient || status >= 500;
  const what = isTransient ? 'Too much is going on here right now.' : 'This is not your fault.';
  const again = answer
    ? html`<form method="post"><input type="hidden" name="version" value="${answer.version}"><input type="hidden" name="value" value="${answer.text}"><button class="send">Try again</button></form>`
    : html`<p><a href="">Try again</a></p>`;
  return renderDocument(
    heading,
    html`<h1>${heading}</h1>
<p>${isOurs ? `${what} Trying again does no harm: an answer is stored once.` : sentence}</p>
${isOurs && again}`,
  );
}

/**
 * Returns an HTML document with the given content. The document has an empty icon. Without it,
 * browsers would request /favicon.ico, the page's policy would block the request, and Firefox would
 * report an error.
 */
async function renderDocument(title: string, content: Html): Promise<string> {
  return String(
    await html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>${title}</title><style>${raw(STYLE)}</style></head>
<body><main>
${content}
</main></body></html>
`,
  );
}

function writeTitle(state: PageState, row: PageRow, name: string): string {
  if (state.kind === 'stored') return `Stored: ${describeValue(row, state.value)} – ${name}`;
  return state.kind === 'asked' ? name : `Not stored – ${name}`;
}

/**
 * Returns the notice at the top of the page. The browser gives the focus to the notice, so a screen
 * reader reads it first.
 */
function renderNotice(state: PageState, row: PageRow): Html | '' {
  const word = (value: number) => html`<b dir="auto">${describeValue(row, value)}</b>`;
  if (state.kind === 'stored') {
    return html`<p class="notice good" role="status" tabindex="-1" autofocus>Stored: ${word(state.value)}. Thank you. ${
      row.value === state.value
        ? 'You can change it below.'
        : html`Since then it was changed: it is ${word(row.value)} now.`
    }</p>`;
  }
  if (state.kind === 'changed') {
    return html`<p class="notice bad" role="alert" tabindex="-1" autofocus>Not stored yet: it was changed while you had the page open. It is ${word(row.value)} now, and you answered ${word(Number(state.text))}. Answer again if that is still right.</p>`;
  }
  return '';
}

function renderAnswerFields(row: PageRow, state: PageState): Html {
  const choices = readChoices(row);
  // If the Worker refused the answer, one element gets the focus. If the label has choices, it is
  // the error message, because no button shows the refused answer. Otherwise it is the number
  // field.
  const focus = choices && html` tabindex="-1" autofocus`;
  const refusal =
    state.kind === 'refused' &&
    html`<p class="error" id="error" role="alert"${focus}>Not stored: ${state.sentence}</p>`;
  if (choices) {
    const isList = choices.some((choice) => choice.length > SHORT_MAX_CHARS);
    return html`<fieldset${isList && html` class="list"`}><legend>Your answer</legend>${choices.map(
      (choice, value) =>
        html`<button name="value" value="${value}" dir="auto"${value === row.value && html` aria-current="true"`}>${choice}</button>`,
    )}</fieldset>${refusal}`;
  }
  const { min_value: min, max_value: max } = row;
  const shown =
    state.kind === 'refused' || state.kind === 'changed'
      ? state.text
      : state.kind === 'stored'
        ? row.value
        : '';
  // If negative numbers are allowed, `inputmode="decimal"` is left out: it opens a keypad that has
  // no minus sign on an iPhone.
  const hasNoMinus = min !== null && min >= 0;
  const invalid =
    state.kind === 'refused' && html` aria-invalid="true" aria-describedby="error" autofocus`;
  return html`<label for="value">Your answer, ${describeBounds(min, max)}</label>
<div class="field"><input id="value" name="value" type="number"${hasNoMinus && html` inputmode="decimal"`} step="any" required autocomplete="off"${
    min !== null && html` min="${min}"`
  }${max !== null && html` max="${max}"`} value="${shown}"${invalid}><button class="send">Store</button></div>${refusal}`;
}

function describeLastChange(row: PageRow): Html {
  const { updated_at, created_at } = row;
  return html`set ${describeAuthor(row)}${time(updated_at ?? created_at)}`;
}

/**
 * Returns the author of the value. If the author is an evaluator, the page shows "an evaluator",
 * because the evaluator's id means nothing to a person.
 */
function describeAuthor(row: PageRow): Html | '' {
  const author = row.updated_at === null ? row.created_by : row.updated_by;
  if (author !== null) return html`by <b dir="auto">${author}</b>, `;
  const isByEvaluator = row.updated_at === null && row.created_by_evaluator_id !== null;
  return isByEvaluator ? html`by an evaluator, ` : '';
}

function drawValues(row: PageRow): Html | '' {
  const values: number[] = [...JSON.parse(row.earlier), row.value];
  if (values.length === 1) return '';
  const points = computePoints(values, row.min_value, row.max_value);
  const [x, y] = points.at(-1)?.split(',') ?? [];
  const words = values.map((value) => describeValue(row, value)).join(', ');
  return html`<figure><svg viewBox="0 0 ${DRAWING.width} ${DRAWING.height}" role="img" aria-label="The values so far: ${words}"><polyline points="${points.join(' ')}"/><circle cx="${x}" cy="${y}" r="3"/></svg></figure>`;
}

const time = (at: string) => html`<time datetime="${at}">${formatTime(at)}</time>`;

/**
 * Returns the choices that the label offers: the first choice has the value 0, the second has 1,
 * and so on. Returns undefined if the label accepts any number instead.
 */
function readChoices({ value_type, categories }: PageRow): readonly string[] | undefined {
  if (value_type === 'binary') return ['No', 'Yes'];
  return categories === null ? undefined : JSON.parse(categories);
}

/**
 * Returns the choice that a value stands for, such as `Yes` for 1; otherwise the number as text.
 */
const describeValue = (row: PageRow, value: number) => readChoices(row)?.[value] ?? String(value);

function describeBounds(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return `from ${min} to ${max}`;
  if (min !== null) return `${min} or more`;
  return max === null ? 'a number' : `${max} or less`;
}

/**
 * The formatter for times. The isolate keeps it for later requests, because creating a formatter
 * costs more than using it.
 */
let format: Intl.DateTimeFormat | undefined;

/**
 * Formats a time to the minute, in UTC. The page has no script, so it cannot find out the person's
 * time zone.
 */
function formatTime(at: string): string {
  format ??= new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return `${format.format(new Date(at))} UTC`;
}

/** The size of the line chart of an evaluation's values, in units of its SVG. */
const DRAWING = { width: 144, height: 48 };
/**
 * The space between the chart and the edge of the SVG, in units of the SVG. Without the space, the
 * edge would cut off parts of the line and of the last dot.
 */
const MARGIN = 5;

/**
 * Returns the points of the line chart as `x,y`, oldest first. The y axis covers all values. If the
 * label has bounds, the y axis covers the bounds too.
 */
function computePoints(
  values: readonly number[],
  min: number | null,
  max: number | null,
): readonly string[] {
  const low = Math.min(min ?? Number.POSITIVE_INFINITY, ...values);
  const high = Math.max(max ?? Number.NEGATIVE_INFINITY, ...values);
  // Both numbers are halved first, because the difference of two large doubles may be Infinity.
  const range = high / 2 - low / 2;
  const step = (DRAWING.width - 2 * MARGIN) / Math.max(1, values.length - 1);
  return values.map((value, index) => {
    const share = range === 0 ? 0.5 : (value / 2 - low / 2) / range;
    const y = DRAWING.height - MARGIN - share * (DRAWING.height - 2 * MARGIN);
    return `${round(MARGIN + index * step)},${round(y)}`;
  });
}

const round = (length: number) => Math.round(length * 10) / 10;
