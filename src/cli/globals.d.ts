/**
 * Declares global types of Workers for the files of the Worker that programs and tests in Node
 * import.
 */
type BufferSource = import('node:crypto').webcrypto.BufferSource;
type CryptoKey = import('node:crypto').webcrypto.CryptoKey;
type D1Database = import('@cloudflare/workers-types').D1Database;
type D1PreparedStatement = import('@cloudflare/workers-types').D1PreparedStatement;
type D1Result<Row = unknown> = import('@cloudflare/workers-types').D1Result<Row>;
declare const scheduler: import('@cloudflare/workers-types').Scheduler;
