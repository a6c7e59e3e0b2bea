/** The Content-Security-Policy of a link's page allows only this style sheet, by its hash. */
export const STYLE = `
:root{color-scheme:light dark;--paper:light-dark(#fff,#1b1d26);--ground:light-dark(#eef0f6,#101118);--ink:light-dark(#1c1e2b,#eceef7);--soft:light-dark(#575c70,#a9afc5);--line:light-dark(#d5d9e6,#373b4d);--accent:light-dark(#4338ca,#a5b4fc);--on:light-dark(#fff,#171a2e);--good:light-dark(#14693a,#86efac);--bad:light-dark(#b3261e,#ffb4ab)}
*{box-sizing:border-box}
body{margin:0;padding:clamp(.75rem,5vw,3.5rem) clamp(.75rem,3vw,1.5rem);background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:36rem;margin:auto;padding:clamp(1.25rem,5vw,2.5rem);background:var(--paper);border:1px solid var(--line);border-radius:1.25rem;box-shadow:0 .75rem 2.5rem #0000001a}
h1{margin:0 0 .5rem;font-size:1.75rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}
p{margin:.75rem 0;text-wrap:pretty}
.about{white-space:pre-line}
small,footer{color:var(--soft);font-size:.875rem}
footer p{margin:.25rem 0 0;font-size:.8125rem}
.now{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;margin:1.25rem 0 1.5rem;padding:.875rem 1.25rem;border:1px solid var(--line);border-radius:.875rem}
.now div{flex:1 1 auto}
.now strong{display:block;width:fit-content;font-size:1.375rem;line-height:1.3}
.now>small{flex:0 0 100%}
figure{max-width:100%;margin:0;color:var(--accent)}
svg{display:block;width:9rem;max-width:100%;height:3rem;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
circle{fill:currentColor}
fieldset,.field{display:flex;flex-wrap:wrap;gap:.625rem;min-width:0;margin:0;padding:0;border:0}
legend,label{padding:0;margin-bottom:.625rem;font-weight:600}
label{display:block}
button,input{min-height:3rem;max-width:100%;padding:.625rem 1.25rem;border:1px solid var(--soft);border-radius:.75rem;background:var(--paper);color:var(--ink);font:inherit}
input{flex:1 1 6rem;width:6rem;max-width:16rem;font-size:1.25rem}
input[aria-invalid]{border:2px solid var(--bad)}
button{flex:1 0 auto;padding-inline:.875rem;font-weight:600;cursor:pointer}
.list{display:grid}
.list button{font-weight:400;text-align:start}
button[aria-current]{border-color:var(--accent);background:color-mix(in srgb,var(--accent) 12%,var(--paper));box-shadow:inset 0 0 0 1px var(--accent)}
button[aria-current]::before{content:"\\2713\\A0"/""}
.send,button:active{border-color:var(--accent);background:var(--accent);color:var(--on)}
.send{flex:none;padding-inline:1.25rem}
a{color:var(--accent);font-weight:600}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.notice{--tone:var(--bad);margin:0 0 1.5rem;padding:.75rem 1rem;border-left:4px solid var(--tone);border-radius:.5rem;background:color-mix(in srgb,var(--tone) 9%,var(--paper))}
.good{--tone:var(--good)}
.error{color:var(--bad);font-weight:600}
[tabindex]{outline:0}
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line)}
@media(hover:hover){button:hover{border-color:var(--accent);background:var(--accent);color:var(--on)}.send:hover{opacity:.9}}
`
  .trim()
  .replaceAll('\n', '');

/** Returns the hash of the style sheet as a source for `style-src` (CSP Level 3, §2.3.1). */
export async function hashStyle(): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(STYLE));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`;
}
