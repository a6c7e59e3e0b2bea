/** Defines the limits of the API, with their reasons and sources. */

/**
 * Matches a UUID of any version in any case (RFC 9562 §4). The Worker stores UUIDs in lower case.
 */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The largest body of a request with a token. A label with many categories needs most of it. */
export const BODY_MAX_BYTES = 64 * 1024;
/**
 * The largest body that a machine posts to a link. The user of a webhook cannot shorten its body.
 */
export const LINK_BODY_MAX_BYTES = 1024 * 1024;
/** Entra's tokens with 200 groups have 13,000 characters. */
export const TOKEN_MAX_CHARS = 16 * 1024;

/** A page of 1,000 evaluations with the longest texts is 13 MB of JSON. */
export const PAGE_MAX_ROWS = 1000;
/** One label may have 64 KiB of categories. */
export const LABEL_PAGE_MAX_ROWS = 100;

/**
 * Counts Unicode code points, like all text limits below. Validators and CHECK constraints enforce
 * these limits.
 */
export const ACCOUNT_MAX_CHARS = 255;
export const SUBJECT_MAX_CHARS = 255;
export const LINK_NAME_MAX_CHARS = 64;
/** Through a named link, the author is `<sub>/<name>`. */
export const AUTHOR_MAX_CHARS = SUBJECT_MAX_CHARS + 1 + LINK_NAME_MAX_CHARS;
export const OUTPUT_NAME_MAX_CHARS = 255;
export const FIELD_PATH_MAX_CHARS = 1024;
export const LABEL_NAME_MAX_CHARS = 255;
export const LABEL_DESCRIPTION_MAX_CHARS = 4096;
export const CATEGORY_MAX_CHARS = 255;
export const CATEGORIES_MAX_COUNT = 1000;
/** Only a CHECK constraint enforces this limit. A body within BODY_MAX_BYTES cannot exceed it. */
export const CATEGORIES_MAX_BYTES = 64 * 1024;

export const LINK_MIN_SECONDS = 60;
export const LINK_MAX_SECONDS = 7_776_000;
export const LINK_DEFAULT_SECONDS = 604_800;
/**
 * Every browser opens a URL of this length. A link with default options has at most 255 characters,
 * because many webhook senders store no more.
 */
export const LINK_URL_MAX_CHARS = 1999;
/** Limits the text in a field of the form on a link's page. */
export const ANSWER_MAX_CHARS = 64;
/** The pointer and the path are in a link's URL, which must not become too long. */
export const POINTER_MAX_CHARS = 256;
export const PATH_MAX_CHARS = 512;
/** Limits the steps that a JSONPath takes in one body. link/path.ts counts the steps. */
export const PATH_MAX_STEPS = 20_000;
export const VALUES_MAX_COUNT = 32;
/** Limits the conditions in a link's `where`, and the values in one condition. */
export const WHERE_MAX_COUNT = 8;

/**
 * The most fields of a form that a sender posts to a link. PHP has the same limit
 * (`max_input_vars`).
 */
export const FORM_MAX_FIELDS = 1000;

/**
 * Returns true if the text has at most `characters` Unicode code points, as SQLite's length()
 * counts.
 */
export const isAtMost = (text: string, characters: number) =>
  // A code point is one or two units of `length`. So only a text between the two bounds must be
  // counted.
  text.length <= characters || (text.length <= 2 * characters && [...text].length <= characters);
