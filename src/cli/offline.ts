/** The environment of wrangler: no look-up of a newer version or the machine's location, no metrics, no prompts. */
export const OFFLINE = {
  ...process.env,
  CI: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_SEND_METRICS: 'false',
};
