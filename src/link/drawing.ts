/** The values of an evaluation as a line, for the page of a link. */

export const DRAWING = { width: 144, height: 48 };
/** Room for the width of the line and the dot at its end. */
const MARGIN = 5;

/** Where the values are on the drawing, `x,y` each, oldest first; between the bounds of the label, as far as it has any. */
export function pointsOf(
  values: readonly number[],
  min: number | null,
  max: number | null,
): readonly string[] {
  const low = Math.min(min ?? Number.POSITIVE_INFINITY, ...values);
  const high = Math.max(max ?? Number.NEGATIVE_INFINITY, ...values);
  // Halved first: the difference of two doubles may be beyond one.
  const range = high / 2 - low / 2;
  const step = (DRAWING.width - 2 * MARGIN) / Math.max(1, values.length - 1);
  return values.map((value, index) => {
    const share = range === 0 ? 0.5 : (value / 2 - low / 2) / range;
    const y = DRAWING.height - MARGIN - share * (DRAWING.height - 2 * MARGIN);
    return `${round(MARGIN + index * step)},${round(y)}`;
  });
}

const round = (length: number) => Math.round(length * 10) / 10;
