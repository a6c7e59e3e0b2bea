/** The size of a request body. */
export const BODY_MAX_BYTES = 64 * 1024;
/** Senders of webhooks decide how much they send. */
export const LINK_BODY_MAX_BYTES = 256 * 1024;
export const TOKEN_MAX_CHARS = 8 * 1024;
/** The longest URL that senders and browsers are known to accept. */
export const LINK_URL_MAX_CHARS = 1999;
export const POINTER_MAX_CHARS = 256;

export const PAGE_MAX_ROWS = 1000;
/** A label may have 64 KiB of categories, so a page has fewer labels than other resources. */
export const LABEL_PAGE_MAX_ROWS = 100;

/** What an account may store, in Unicode code points, as SQLite counts them: held by the validators and by CHECKs. */
export const ACCOUNT_MAX_CHARS = 255;
export const SUBJECT_MAX_CHARS = 255;
/** Who answers through a link, after a slash (link/README.md). */
export const LINK_NAME_MAX_CHARS = 64;
export const AUTHOR_MAX_CHARS = SUBJECT_MAX_CHARS + 1 + LINK_NAME_MAX_CHARS;
export const OUTPUT_NAME_MAX_CHARS = 255;
export const FIELD_PATH_MAX_CHARS = 1024;
export const LABEL_NAME_MAX_CHARS = 255;
export const LABEL_DESCRIPTION_MAX_CHARS = 4096;
export const CATEGORY_MAX_CHARS = 255;

export const CATEGORIES_MAX_COUNT = 1000;
/** All categories of a label, as JSON. As much as a request's body, so a CHECK alone holds it. */
export const CATEGORIES_MAX_BYTES = 64 * 1024;

/** Whether the text has at most so many characters. */
export const isAtMost = (text: string, characters: number) =>
  // A code point is one or two UTF-16 units, so most texts need no counting.
  text.length <= characters || (text.length <= 2 * characters && [...text].length <= characters);
