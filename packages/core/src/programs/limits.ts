/** Rows of a product at most: larger outputs and sums are refused by chips (docs/internals/ane.md). */
export const MOST_ROWS = 8192;
/** A longer sum is slower on chips that take it. */
export const MOST_SUMMED = 2048;
/** The longest axis that every chip takes. */
export const LONGEST_AXIS = 16_384;
/** What the sizes of surfaces are rounded up to. */
export const MULTIPLE = 32;
