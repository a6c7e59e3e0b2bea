/** The environment of wrangler: no metrics, no look-up of the machine's location, no prompts. */
export const OFFLINE = {
  ...process.env,
  CI: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
};
