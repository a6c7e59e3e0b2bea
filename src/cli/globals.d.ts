/** The Worker's files name this type of Web Crypto as a global one, which Node's types do not have. */
type CryptoKey = import('node:crypto').webcrypto.CryptoKey;
