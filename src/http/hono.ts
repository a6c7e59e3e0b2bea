/**
 * Hono with one router. Its usual class brings three and compares them on the first request: 1.8 KiB (gzip) and an eighth of
 * the start-up, for a choice that a dozen routes do not need.
 */
import type { Env } from 'hono';
import { HonoBase } from 'hono/hono-base';
import { TrieRouter } from 'hono/router/trie-router';

export class Hono<E extends Env> extends HonoBase<E> {
  constructor() {
    super({ router: new TrieRouter() });
  }
}
