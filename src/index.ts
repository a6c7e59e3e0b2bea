import { env } from 'cloudflare:workers';
import { createApp } from './app.ts';

// biome-ignore lint/performance/noBarrelFile: Workers find the class of an object in the main module.
export { AccountObject } from './db/account-object.ts';

export default createApp(env);
