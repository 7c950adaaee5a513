// Package synth makes electrocardiograms of people who do not exist: 12-lead tracings and long recordings of any length, normal
// and sick, with every wave's onset and offset known. The heart is a moving dipole in Frank's coordinates (X left, Y to the
// feet, Z to the back) made of smooth bumps of finite length; Dower's matrix, a little different for each seed, projects it onto the
// leads. Every sample is a function of its position alone, so a recording can be read at any place. The same Spec always makes the
// same samples.
package synth
