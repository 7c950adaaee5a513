// Package paper draws a tracing as a cart would print it, true to size: 25 mm a second and 10 mm a millivolt on a millimetre grid, with
// its calibration pulse, as PDF, SVG or PNG; and packs samples for the portal, which draws them itself.
//
// One layout in millimetres is drawn by three pens. Samples are joined by straight lines: nothing is smoothed, and what is left out to
// save space lies within 0.03 mm of what is drawn.
package paper
