/**
 * Renders the page on which a person answers through a link. The page has no script, and hono/html
 * escapes every text. The form posts to the page's own URL, so the HTML does not contain the key.
 */
import { html, raw } from 'hono/html';
import type { PageRow } from './answer.ts';
import type { Answer } from './input.ts';
import type { Link } from './key.ts';
import { STYLE } from './style.ts';

/** The page shows longer choices as a list instead of side by side. */
const SHORT_MAX_CHARS = 24;

type Html = ReturnType<typeof html>;

/**
 * `refused` means that the label does not allow the answer. `changed` means that the value has
 * changed while the person had the page open.
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
 * Returns the page of a failure as HTML. If a retry may help, the page offers to send `answer`
 * again or to open the page again.
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

/** Without the empty icon, Firefox would report a blocked request for /favicon.ico. */
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

/** The notice gets the focus, so that a screen reader reads the notice first. */
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
  // No button shows a refused answer, so the error message gets the focus.
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
  // On an iPhone, the keypad of `inputmode="decimal"` has no minus sign.
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

/** The page shows "an evaluator", because an evaluator's id means nothing to a person. */
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

/** Returns the choices in order of their values, from 0; undefined if the label has no choices. */
function readChoices({ value_type, categories }: PageRow): readonly string[] | undefined {
  if (value_type === 'binary') return ['No', 'Yes'];
  return categories === null ? undefined : JSON.parse(categories);
}

const describeValue = (row: PageRow, value: number) => readChoices(row)?.[value] ?? String(value);

function describeBounds(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return `from ${min} to ${max}`;
  if (min !== null) return `${min} or more`;
  return max === null ? 'a number' : `${max} or less`;
}

/** The isolate keeps the formatter, because creating it costs more than using it. */
let format: Intl.DateTimeFormat | undefined;

/** Formats a time in UTC: without a script, the page cannot find out the person's time zone. */
function formatTime(at: string): string {
  format ??= new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return `${format.format(new Date(at))} UTC`;
}

const DRAWING = { width: 144, height: 48 };
/** Without this margin, the SVG would cut off parts of the line and of the last dot. */
const MARGIN = 5;

/** Returns the points of the line chart as `x,y`, oldest first. */
function computePoints(
  values: readonly number[],
  min: number | null,
  max: number | null,
): readonly string[] {
  const low = Math.min(min ?? Number.POSITIVE_INFINITY, ...values);
  const high = Math.max(max ?? Number.NEGATIVE_INFINITY, ...values);
  // The difference of two large doubles may be Infinity, so both numbers are halved first.
  const range = high / 2 - low / 2;
  const step = (DRAWING.width - 2 * MARGIN) / Math.max(1, values.length - 1);
  return values.map((value, index) => {
    const share = range === 0 ? 0.5 : (value / 2 - low / 2) / range;
    const y = DRAWING.height - MARGIN - share * (DRAWING.height - 2 * MARGIN);
    return `${round(MARGIN + index * step)},${round(y)}`;
  });
}

const round = (length: number) => Math.round(length * 10) / 10;
