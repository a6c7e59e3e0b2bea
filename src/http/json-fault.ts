/**
 * Tells why a body is not JSON, and where the fault is. Strangers choose the body, so each pattern
 * takes linear time. The messages of JSON.parse never reach a caller, because they quote the body.
 */

export const NOT_JSON = 'The body must be valid JSON in UTF-8.';
export const IS_FORM =
  'The body is a form: send JSON instead, with the header Content-Type: application/json.';

/**
 * Matches the beginning of a form. Base64 text with padding does not match, because no value
 * follows the `=`.
 */
const URLENCODED = /^\s*[^\s=&"'{}[\]:,<>][^\s=&"'{}:,<>]*=[^=]/;

const MULTIPART = /^\s*--[^\r\n]+\r?\ncontent-disposition:[ \t]*form-data/i;

/** Returns true if a body is application/x-www-form-urlencoded. JSON never matches. */
export const isUrlEncoded = (body: string) => URLENCODED.test(body) && !MULTIPART.test(body);

/** Returns true if a body is a form, regardless of its Content-Type. JSON never matches. */
export const isForm = (body: string) => isUrlEncoded(body) || MULTIPART.test(body);

/**
 * Matches the JSON tokens at the beginning of a body, in any order. A comma before a closing
 * bracket does not match.
 */
const JSON_TOKENS =
  /^(?:[ \t\n\r{}[\]:]|,(?![ \t\n\r]*[}\]])|"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|(?:true|false|null)(?![\w$]))*/s;

/** Matches text that other languages and word processors write but JSON does not allow. */
const FOREIGN_TOKEN = /^(?:[+-]?[A-Za-z_$][\w$]*|['`‘’“”]|\/[/*]|#|,)/;

const WORD_MAX_CHARS = 16;

/** Returns the sentence for a body that JSON.parse has refused. */
export function describeJsonFault(body: string): string {
  if (isForm(body)) return IS_FORM;
  const [accepted = ''] = JSON_TOKENS.exec(body) ?? [];
  const [found] = FOREIGN_TOKEN.exec(body.slice(accepted.length)) ?? [];
  if (found === undefined) return NOT_JSON;
  const lines = accepted.split('\n');
  const column = (lines.at(-1) ?? '').length + 1;
  const shown = found.length > WORD_MAX_CHARS ? `${found.slice(0, WORD_MAX_CHARS)}…` : found;
  return `The body must be valid JSON: ${shown} at line ${lines.length}, column ${column} must ${describeFix(found, accepted)}.`;
}

function describeFix(found: string, before: string): string {
  if (/\d$/.test(before) && /^\w/.test(found)) return 'not follow a number';
  switch (found.toLowerCase().replace(/^[+-]/, '')) {
    case ',':
      return 'not come before a closing bracket';
    case '#':
    case '//':
    case '/*':
      return 'be left out, because JSON has no comments';
    case 'nan':
    case 'inf':
    case 'infinity':
      return 'be a number or null';
    case 'undefined':
    case 'none':
    case 'null':
      return 'be null';
    case 'true':
      return 'be true';
    case 'false':
      return 'be false';
    default:
      return /[\w$]/.test(found) ? 'be in double quotes' : 'be a double quote';
  }
}
