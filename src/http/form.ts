/** Reads a form as if its sender had sent JSON. */
import { malformed } from '../failure.ts';
import { FORM_MAX_FIELDS } from '../limits.ts';
import { parseJson } from './body.ts';
import { isUrlEncoded } from './json-fault.ts';

/**
 * Parses a form; undefined if the body is not a form. Ignores the Content-Type, because curl and
 * Java also send JSON with the Content-Type of a form.
 * @throws {Failure} `malformed` if the form has too many fields.
 */
export function parseForm(body: string): URLSearchParams | undefined {
  if (!isUrlEncoded(body)) return undefined;
  if (body.split('&', FORM_MAX_FIELDS + 1).length > FORM_MAX_FIELDS)
    throw malformed(`A form must have at most ${FORM_MAX_FIELDS} fields.`);
  return new URLSearchParams(body.trim());
}

/**
 * Returns the JSON in the only field `payload` (Slack, GitHub), or an object with the text of each
 * field (Twilio). A repeated field becomes a list.
 * @throws {Failure} `malformed` if the only field is a `payload` that is not JSON.
 */
export function readFormBody(form: URLSearchParams): unknown {
  const [[name, payload] = ['', ''], ...others] = form;
  if (name === 'payload' && others.length === 0) return parseJson(payload);
  const grouped = [...Map.groupBy(form, ([field]) => field)];
  return Object.fromEntries(
    grouped.map(([field, entries]) => {
      const texts = entries.map(([, text]) => text);
      return [field, texts.length === 1 ? texts[0] : texts];
    }),
  );
}
