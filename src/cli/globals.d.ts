/** The Worker's files name these types as global ones, which Node's types do not have. */
type CryptoKey = import('node:crypto').webcrypto.CryptoKey;
type D1Database = import('@cloudflare/workers-types').D1Database;
