// Package paper makes marks on paper: pages in millimetres, and pens that put texts, lines and fields on them as PDF, SVG or PNG. It
// embeds the letters that a document uses and knows nothing of what is said with them.
package paper
