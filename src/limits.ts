/** The limits of the API, each with its reason or its source, and the form of an id. */

/** A UUID of any version in any case (RFC 9562 §4). Its lower case is stored and compared. */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The body of a request. The largest bodies create a label with many categories. */
export const BODY_MAX_BYTES = 64 * 1024;
/** The body that a machine posts to a link. A webhook sender chooses how much it sends. */
export const LINK_BODY_MAX_BYTES = 1024 * 1024;
/** Entra puts up to 200 groups into a token, which is then 13,000 characters long. */
export const TOKEN_MAX_CHARS = 16 * 1024;

/** The rows of one page of a list. With the longest texts, 1,000 evaluations are 13 MB of JSON. */
export const PAGE_MAX_ROWS = 1000;
/** A label may have 64 KiB of categories, so a page has fewer labels. */
export const LABEL_PAGE_MAX_ROWS = 100;

/**
 * The longest texts that are stored, in Unicode code points. Validators and CHECK constraints
 * enforce these limits.
 */
export const ACCOUNT_MAX_CHARS = 255;
export const SUBJECT_MAX_CHARS = 255;
/** The name in a link: `<sub>/<name>` is the author of each value that the link stores. */
export const LINK_NAME_MAX_CHARS = 64;
export const AUTHOR_MAX_CHARS = SUBJECT_MAX_CHARS + 1 + LINK_NAME_MAX_CHARS;
export const OUTPUT_NAME_MAX_CHARS = 255;
export const FIELD_PATH_MAX_CHARS = 1024;
export const LABEL_NAME_MAX_CHARS = 255;
export const LABEL_DESCRIPTION_MAX_CHARS = 4096;
export const CATEGORY_MAX_CHARS = 255;
export const CATEGORIES_MAX_COUNT = 1000;
/**
 * All categories of a label as JSON. A body is not larger, so only a CHECK constraint enforces this
 * limit.
 */
export const CATEGORIES_MAX_BYTES = 64 * 1024;

/** The lifetime of a link: a minute to 90 days, and a week if the caller does not choose. */
export const LINK_MIN_SECONDS = 60;
export const LINK_MAX_SECONDS = 7_776_000;
export const LINK_DEFAULT_SECONDS = 604_800;
/**
 * Every browser opens a URL of this length. Many senders store 255 characters: a link with the
 * default options is shorter, and long `values` make it longer.
 */
export const LINK_URL_MAX_CHARS = 1999;
/**
 * A field of the page's form. The shortest form of any double is shorter, and so is a version. The
 * page of a refusal shows the answer again, escaped.
 */
export const ANSWER_MAX_CHARS = 64;
export const POINTER_MAX_CHARS = 256;
export const PATH_MAX_CHARS = 512;
/**
 * The steps that a JSONPath takes in a body. Each element at which a wildcard, a slice or a filter
 * looks is a step, and so is each part of the filter for each element. A name or an index is a step
 * for each value in which it is looked up.
 */
export const PATH_MAX_STEPS = 20_000;
export const VALUES_MAX_COUNT = 32;
/** The conditions of a link, and the scalars of which one condition accepts any. */
export const WHERE_MAX_COUNT = 8;

/** The fields of a form that a sender posts to a link. PHP and others have the same limit. */
export const FORM_MAX_FIELDS = 1000;

/** Returns true if the text has at most this many code points. SQLite counts code points too. */
export const isAtMost = (text: string, characters: number) =>
  // A code point is one or two UTF-16 units, so most texts need no counting.
  text.length <= characters || (text.length <= 2 * characters && [...text].length <= characters);
