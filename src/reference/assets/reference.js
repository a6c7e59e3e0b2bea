/**
 * Passes this deployment's OpenAPI document to Scalar, which draws the API reference on the page of
 * ../routes.ts. Turns off every feature that would call one of Scalar's servers. No build changes
 * this file: the browser runs it as it is.
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
 * Makes sure that the form for requests does not send optional parameters unless the reader selects
 * them. Otherwise the form would send the example of each parameter. For example, it would send a
 * cursor that skips entries, or one Idempotency-Key with different writes.
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
  // The button for downloads is off. A downloaded document would contain the parameters that
  // deselectOptionalParameters changed. The original document is at /openapi.json.
  documentDownloadType: 'none',
  // When the reader closes the tab, Scalar must forget a pasted token.
  persistAuth: false,
});
document.querySelector('#fallback').remove();
