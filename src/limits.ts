/** The limits of the API, each with its reason or its source, and the form of a UUID. */

/**
 * Matches a UUID of any version in any case (RFC 9562 §4). The Worker stores and compares UUIDs in
 * lower case.
 */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The largest body of a request with a token. Labels with many categories have the largest bodies.
 */
export const BODY_MAX_BYTES = 64 * 1024;
/**
 * The largest body that a machine may post to a link. The limit is larger than BODY_MAX_BYTES
 * because a webhook sender chooses what it sends.
 */
export const LINK_BODY_MAX_BYTES = 1024 * 1024;
/**
 * The longest token. Entra puts up to 200 groups into a token, which then has 13,000 characters.
 */
export const TOKEN_MAX_CHARS = 16 * 1024;

/**
 * The most entries on a page of a list. With the longest texts, 1,000 evaluations are 13 MB of
 * JSON.
 */
export const PAGE_MAX_ROWS = 1000;
/**
 * The most labels on a page. A page of labels has fewer rows than PAGE_MAX_ROWS, because one label
 * may have 64 KiB of categories.
 */
export const LABEL_PAGE_MAX_ROWS = 100;

/**
 * The longest texts that are stored, in Unicode code points. Validators and CHECK constraints
 * enforce these limits.
 */
export const ACCOUNT_MAX_CHARS = 255;
export const SUBJECT_MAX_CHARS = 255;
/**
 * The longest name of a link. The author of a value that arrives through a named link is
 * `<sub>/<name>`, in which `<sub>` is the subject of the token that created the link.
 */
export const LINK_NAME_MAX_CHARS = 64;
export const AUTHOR_MAX_CHARS = SUBJECT_MAX_CHARS + 1 + LINK_NAME_MAX_CHARS;
export const OUTPUT_NAME_MAX_CHARS = 255;
export const FIELD_PATH_MAX_CHARS = 1024;
export const LABEL_NAME_MAX_CHARS = 255;
export const LABEL_DESCRIPTION_MAX_CHARS = 4096;
export const CATEGORY_MAX_CHARS = 255;
export const CATEGORIES_MAX_COUNT = 1000;
/**
 * The largest list of a label's categories, as JSON. BODY_MAX_BYTES already limits what a request
 * can send, so only a CHECK constraint enforces this limit.
 */
export const CATEGORIES_MAX_BYTES = 64 * 1024;

/** The lifetime of a link: one minute to 90 days, and a week if the caller does not choose. */
export const LINK_MIN_SECONDS = 60;
export const LINK_MAX_SECONDS = 7_776_000;
export const LINK_DEFAULT_SECONDS = 604_800;
/**
 * The longest URL of a link. Every browser opens a URL of this length. Many webhook senders store
 * at most 255 characters of a URL. The URL of a link with the default options is shorter than that,
 * but long `values` make it longer.
 */
export const LINK_URL_MAX_CHARS = 1999;
/**
 * The longest text that a person may submit in a field of a link's page. The fields contain a
 * number and a version, and both are shorter than this. If the Worker refuses the submitted number,
 * the page shows its text again, cut to this length.
 */
export const ANSWER_MAX_CHARS = 64;
/**
 * The longest JSON Pointer and the longest JSONPath in a link, in characters. Both are part of the
 * link's URL, whose length is limited.
 */
export const POINTER_MAX_CHARS = 256;
export const PATH_MAX_CHARS = 512;
/**
 * The most steps that a JSONPath may take in one body. Steps are counted like this:
 * - A wildcard, a slice or a filter takes one step for each element that it visits.
 * - Each part of a filter takes one more step for each of these elements.
 * - A name or an index takes one step for each value in which the path looks it up.
 */
export const PATH_MAX_STEPS = 20_000;
/** The most entries in a link's `values`. */
export const VALUES_MAX_COUNT = 32;
/** The most conditions in a link's `where`, and the most scalars that one condition may list. */
export const WHERE_MAX_COUNT = 8;

/**
 * The most fields of a form that a sender posts to a link. PHP has the same limit
 * (`max_input_vars`).
 */
export const FORM_MAX_FIELDS = 1000;

/**
 * Returns true if the text has at most `characters` code points. SQLite's length() counts code
 * points too.
 */
export const isAtMost = (text: string, characters: number) =>
  // `length` counts UTF-16 units, and a code point has one or two of them. So only a text whose
  // `length` is between the limit and twice the limit needs the exact count.
  text.length <= characters || (text.length <= 2 * characters && [...text].length <= characters);
