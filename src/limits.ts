/**
 * Defines the limits of the API, and the form of a UUID. The comments give the reasons and the
 * sources of the limits.
 */

/**
 * Matches a UUID of any version in any case (RFC 9562 §4). The Worker stores and compares UUIDs in
 * lower case.
 */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The largest body that the Worker accepts in a request with a token. The requests with the largest
 * bodies create labels with many categories.
 */
export const BODY_MAX_BYTES = 64 * 1024;
/**
 * The largest body that a machine may post to a link. The limit is larger than BODY_MAX_BYTES
 * because a webhook sender decides what its body contains, and its user cannot shorten the body.
 */
export const LINK_BODY_MAX_BYTES = 1024 * 1024;
/**
 * The longest token that the Worker accepts. The limit leaves room for the tokens of Entra: a token
 * with 200 groups, Entra's maximum, has 13,000 characters.
 */
export const TOKEN_MAX_CHARS = 16 * 1024;

/**
 * The most entries on a page of a list. A page of 1,000 evaluations is 13 MB of JSON if all their
 * texts have the maximal length.
 */
export const PAGE_MAX_ROWS = 1000;
/**
 * The most labels on a page. A page of labels has fewer rows than PAGE_MAX_ROWS, because one label
 * may have 64 KiB of categories.
 */
export const LABEL_PAGE_MAX_ROWS = 100;

/**
 * The longest account id that the database stores, in Unicode code points. For this limit and the
 * limits of texts below, validators check the request, and CHECK constraints check the row.
 */
export const ACCOUNT_MAX_CHARS = 255;
export const SUBJECT_MAX_CHARS = 255;
/**
 * The longest name of a link. The name becomes part of an author (AUTHOR_MAX_CHARS).
 */
export const LINK_NAME_MAX_CHARS = 64;
/**
 * The longest author of a value. If the value arrives through a link that has a name, the author is
 * `<sub>/<name>`: `<sub>` is the subject of the token that created the link.
 */
export const AUTHOR_MAX_CHARS = SUBJECT_MAX_CHARS + 1 + LINK_NAME_MAX_CHARS;
export const OUTPUT_NAME_MAX_CHARS = 255;
export const FIELD_PATH_MAX_CHARS = 1024;
export const LABEL_NAME_MAX_CHARS = 255;
export const LABEL_DESCRIPTION_MAX_CHARS = 4096;
export const CATEGORY_MAX_CHARS = 255;
export const CATEGORIES_MAX_COUNT = 1000;
/**
 * The largest list of a label's categories, as JSON. Only a CHECK constraint of the database
 * enforces this limit. No validator needs to check it, because a body has at most BODY_MAX_BYTES.
 */
export const CATEGORIES_MAX_BYTES = 64 * 1024;

/**
 * The lifetime of a link is from one minute to 90 days. If the caller does not choose the lifetime,
 * it is a week.
 */
export const LINK_MIN_SECONDS = 60;
export const LINK_MAX_SECONDS = 7_776_000;
export const LINK_DEFAULT_SECONDS = 604_800;
/**
 * The longest URL of a link. Every browser opens a URL of this length.
 * Many webhook senders store at most 255 characters of a URL. If the caller keeps the default
 * options, the URL of a link is shorter than 255 characters. Options such as `values` make it
 * longer.
 */
export const LINK_URL_MAX_CHARS = 1999;
/**
 * The longest text in a field of the form on a link's page. The form has two fields: the number
 * that a person typed, and the version of the evaluation that the page showed. If the Worker
 * refuses the number, the page shows what the person typed, cut to this length.
 */
export const ANSWER_MAX_CHARS = 64;
/**
 * The longest JSON Pointer and the longest JSONPath in a link, in characters. Both are part of the
 * link's URL, whose length is limited.
 */
export const POINTER_MAX_CHARS = 256;
export const PATH_MAX_CHARS = 512;
/**
 * The most steps that a JSONPath may take in one body. link/path.ts counts the steps. In
 * `$.answers[?@.id==1]`, for example, the name `answers` takes 1 step. The filter takes 5 steps for
 * each element of the list: 1 for the element, 2 for `@.id` (1 for `@` and 1 for the name), 1 for
 * `==` and 1 for `1`. A wildcard or a slice takes 1 step for each element.
 */
export const PATH_MAX_STEPS = 20_000;
/** The most entries in a link's `values`. */
export const VALUES_MAX_COUNT = 32;
/**
 * The most conditions in a link's `where`. A condition such as `{"/status": ["open", "closed"]}`
 * lists the accepted texts, numbers, booleans or null: at most this many too.
 */
export const WHERE_MAX_COUNT = 8;

/**
 * The most fields of a form that a sender posts to a link. PHP has the same limit
 * (`max_input_vars`).
 */
export const FORM_MAX_FIELDS = 1000;

/**
 * Returns true if the text has at most `characters` Unicode code points. SQLite's length() counts
 * code points too, so this function and the CHECK constraints agree.
 */
export const isAtMost = (text: string, characters: number) =>
  // Counting code points is slow, so most texts are judged by `length`. `length` counts UTF-16
  // units, and each code point has one or two. So a text with at most `characters` units is short
  // enough, and a text with more than twice as many units is too long.
  text.length <= characters || (text.length <= 2 * characters && [...text].length <= characters);
