/**
 * Reads a form as if its sender had sent JSON. A form with only the field `payload=<JSON>` (Slack,
 * GitHub) becomes that JSON. Any other form (Twilio) becomes an object of strings.
 */
import { malformed } from '../failure.ts';
import { FORM_MAX_FIELDS } from '../limits.ts';
import { parseJson } from './body.ts';
import { isUrlEncoded } from './json-fault.ts';

/**
 * Parses a form. Returns undefined if the body is not a form. To decide, looks only at the body:
 * the Content-Type does not help, because curl and Java also send JSON with the Content-Type of a
 * form.
 * @throws {Failure} `malformed` if the form has too many fields.
 */
export function parseForm(body: string): URLSearchParams | undefined {
  if (!isUrlEncoded(body)) return undefined;
  if (body.split('&', FORM_MAX_FIELDS + 1).length > FORM_MAX_FIELDS)
    throw malformed(`A form must have at most ${FORM_MAX_FIELDS} fields.`);
  return new URLSearchParams(body.trim());
}

/**
 * Returns the body that a form stands for. If the only field is `payload`, parses its text as JSON
 * and returns the result. Otherwise returns an object with the text of each field. A repeated field
 * becomes a list: `a=1&a=2` becomes `{"a": ["1", "2"]}`.
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
