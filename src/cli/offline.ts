/**
 * The environment of wrangler without prompts and metrics, and without look-ups of a newer version
 * or the machine's location.
 */
export const OFFLINE = {
  ...process.env,
  CI: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_SEND_METRICS: 'false',
};
