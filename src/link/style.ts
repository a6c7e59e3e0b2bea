/** The one style of the page of a link. Its hash stands in the Content-Security-Policy, so nothing else can style the page. */
export const STYLE = `
:root{color-scheme:light dark;--paper:light-dark(#fff,#1b1d26);--ground:light-dark(#eef0f6,#101118);--ink:light-dark(#1c1e2b,#eceef7);--soft:light-dark(#575c70,#a9afc5);--line:light-dark(#d5d9e6,#373b4d);--accent:light-dark(#4338ca,#a5b4fc);--on:light-dark(#fff,#171a2e);--good:light-dark(#14693a,#86efac);--bad:light-dark(#b3261e,#ffb4ab)}
*{box-sizing:border-box}
body{margin:0;padding:max(1rem,5vh) 1rem;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:36rem;margin:auto;padding:clamp(1.25rem,5vw,2.25rem);background:var(--paper);border:1px solid var(--line);border-radius:1.25rem;box-shadow:0 .75rem 2.5rem #0000001a}
h1{margin:0 0 .5rem;font-size:1.75rem;line-height:1.2;letter-spacing:-.01em}
p{margin:.5rem 0}
.about{white-space:pre-line}
small,footer,dt,figcaption{color:var(--soft);font-size:.875rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0;align-items:baseline}
dd{margin:0}
.now{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;justify-content:space-between;margin:1.25rem 0;padding:1rem 1.25rem;border:1px solid var(--line);border-radius:.875rem}
.now strong{display:block;font-size:1.5rem;line-height:1.3}
figure{margin:0}
svg{display:block;width:9rem;height:3rem;fill:none;stroke:var(--accent);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
circle{fill:var(--accent)}
fieldset{display:flex;flex-wrap:wrap;gap:.5rem;margin:0;padding:0;border:0}
legend,label{padding:0;margin-bottom:.5rem;font-weight:600}
label{display:block}
button,input{min-height:3rem;padding:.5rem 1.25rem;border:1px solid var(--accent);border-radius:.75rem;background:var(--paper);color:var(--ink);font:inherit}
input{width:10rem;border-color:var(--soft);font-size:1.25rem}
input[aria-invalid]{border:2px solid var(--bad)}
button{flex:1 0 auto;max-width:100%;color:var(--accent);font-weight:600;cursor:pointer}
button:hover,button[aria-current],.send{background:var(--accent);color:var(--on)}
.send{flex:none}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.notice{margin:0 0 1.25rem;padding:.75rem 1rem;border-left:4px solid var(--accent);border-radius:.25rem;background:var(--ground)}
.good{border-color:var(--good)}
.bad,.error{border-color:var(--bad)}
.error{color:var(--bad);font-weight:600}
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line)}
@media(prefers-reduced-motion:no-preference){button{transition:background .15s}}
`
  .trim()
  .replaceAll('\n', '');

/** The source of that style in a Content-Security-Policy (CSP Level 3, §2.3.1). */
export async function styleSource(): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(STYLE));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`;
}
