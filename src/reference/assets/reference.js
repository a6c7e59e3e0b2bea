/**
 * Passes this deployment's OpenAPI document to Scalar, and turns off every feature that would call
 * Scalar's servers.
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
 * Without this function, the form would send the example of every optional parameter, such as a
 * cursor.
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
  // A download would contain the parameters that deselectOptionalParameters changed.
  documentDownloadType: 'none',
  // When the reader closes the tab, Scalar must forget a pasted token.
  persistAuth: false,
});
document.querySelector('#fallback').remove();
