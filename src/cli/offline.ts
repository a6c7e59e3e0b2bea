/** Turns off wrangler's prompts, metrics, update check and look-up of the machine's location. */
export const OFFLINE = {
  ...process.env,
  CI: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_SEND_METRICS: 'false',
};
