/**
 * Passes this deployment's OpenAPI document to Scalar, which draws the API reference on the page of
 * ../routes.ts. Turns off everything that would call a server of Scalar. The browser runs this file
 * as it is.
 */

/** Replaces colours of Scalar that have too little contrast for WCAG 2.2 AA (1.4.3). */
const CONTRAST = `
.light-mode {
  --scalar-color-2: #5c5c5c;
  --scalar-color-3: #646464;
  --scalar-color-green: #046a45;
  --scalar-color-orange: #a34a00;
  --scalar-color-red: #c00000;
}
.dark-mode {
  --scalar-color-3: #9b9b9b;
  --scalar-color-red: #ff6464;
}`;

/**
 * Deselects the optional parameters in the form for requests. Otherwise the form would send the
 * example of each parameter, such as a cursor that skips entries, or the same Idempotency-Key for
 * different writes.
 */
function deselectOptionalParameters({ components }) {
  for (const parameter of Object.values(components.parameters)) {
    const { example: value } = parameter;
    if (parameter.required || value === undefined) continue;
    delete parameter.example;
    parameter.examples = { default: { value, 'x-disabled': true } };
  }
}

const response = await fetch('/openapi.json');
const content = await response.json();
deselectOptionalParameters(content);
globalThis.Scalar.createApiReference('#reference', {
  content,
  customCss: CONTRAST,
  agent: { disabled: true },
  mcp: { disabled: true },
  telemetry: false,
  withDefaultFonts: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  // A download would contain the parameters that deselectOptionalParameters changed. Readers find
  // the original document at /openapi.json.
  documentDownloadType: 'none',
  // Scalar must forget a pasted token when the tab is closed.
  persistAuth: false,
});
document.querySelector('#fallback').remove();
