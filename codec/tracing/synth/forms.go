// How the waves of each kind look. Directions are those that put each lead's usual shape where it belongs.

package synth

var atrial = form{p: part{
	bump(0, .042, .082, vec{.08, .09, -.06}),   // right atrium
	bump(.030, .066, .108, vec{.11, .05, .06}), // left atrium
}}

// narrow is a QRS complex through the bundles.
var narrow = form{
	qrs: part{
		bump(0, .018, .036, vec{-.15, .04, -.26}), // septum
		bump(.014, .042, .070, vec{1.15, 1.0, .25}),
		bump(.040, .064, .092, vec{.08, -.12, .75}), // base
	},
	t:  part{bump(.150, .310, .400, vec{.30, .24, -.16})},
	j:  .092,
	qt: .400,
}

var leftBundle = form{
	qrs: part{
		bump(0, .050, .105, vec{1.05, .55, .95}),
		bump(.045, .100, .155, vec{1.25, .35, .65}),
	},
	st: part{{.120, .155, .220, .420, vec{-.08, -.02, -.16}}},
	t:  part{bump(.200, .350, .450, vec{-.34, -.08, -.42})},
	j:  .155, qt: .450, wide: true,
}

var rightBundle = form{
	qrs: part{
		bump(0, .018, .036, vec{-.12, .04, -.22}),
		bump(.014, .042, .072, vec{1.1, .9, .2}),
		bump(.040, .060, .085, vec{.05, -.1, .45}),
		bump(.060, .104, .146, vec{-.34, .16, -.80}), // right ventricle, late
	},
	t: part{bump(.190, .335, .430, vec{.36, .20, .22})},
	j: .146, qt: .430, wide: true,
}

// outflow is a beat from the right ventricle's outflow tract.
var outflow = form{
	qrs: part{
		bump(0, .060, .115, vec{.35, 1.5, .75}),
		bump(.055, .100, .160, vec{.45, .75, .90}),
	},
	st: part{{.125, .160, .220, .430, vec{-.05, -.14, -.10}}},
	t:  part{bump(.200, .350, .455, vec{-.18, -.55, -.45})},
	j:  .160, qt: .455, wide: true, own: true,
}

// apical is a beat from the left ventricle's apex, or of a tachycardia from there.
var apical = form{
	qrs: part{
		bump(0, .060, .120, vec{-.95, -1.1, -.75}),
		bump(.060, .105, .165, vec{-.50, -.9, -.30}),
	},
	t: part{bump(.190, .340, .450, vec{.40, .5, .28})},
	j: .165, qt: .450, wide: true, own: true,
}

// apexPaced is a beat that a pacemaker starts in the right ventricle's apex.
var apexPaced = form{
	spike: part{{-.0035, -.003, -.0015, -.001, vec{.9, -2.4, .5}}},
	qrs: part{
		bump(0, .055, .110, vec{.55, -1.15, .55}),
		bump(.050, .100, .160, vec{.75, -.80, .65}),
	},
	st: part{{.125, .160, .220, .420, vec{-.05, .12, -.10}}},
	t:  part{bump(.200, .350, .455, vec{-.25, .50, -.36})},
	j:  .160, qt: .455, wide: true, paced: true,
}

// escape is a ventricular escape beat of a complete block.
var escape = form{
	qrs: part{
		bump(0, .045, .095, vec{-.80, .65, -.80}),
		bump(.040, .080, .132, vec{-1.05, .85, -.45}),
	},
	t: part{bump(.200, .360, .470, vec{.42, -.12, .34})},
	j: .132, qt: .470, wide: true, own: true,
}

var anteriorInjury = form{
	qrs: part{
		bump(0, .018, .036, vec{-.02, .04, .10}), // the septum's first vector is gone: QS in V1 and V2
		bump(.014, .042, .070, vec{1.05, .95, .60}),
		bump(.040, .062, .090, vec{.08, -.12, .80}),
	},
	st: part{{.066, .094, .230, .385, vec{.16, -.09, -.24}}},
	t:  part{bump(.140, .290, .390, vec{.42, .02, -.48})},
	j:  .090, qt: .390,
}

var inferiorInjury = form{
	qrs: part{
		bump(0, .020, .042, vec{.02, -.34, -.15}), // Q in II, III, aVF
		bump(.016, .044, .072, vec{1.0, .85, .25}),
		bump(.040, .064, .092, vec{.08, .02, .75}),
	},
	st: part{{.068, .096, .240, .395, vec{-.08, .22, .09}}},
	t:  part{bump(.150, .300, .400, vec{-.02, .36, .02})},
	j:  .092, qt: .400,
}

var potassium = form{
	qrs: part{
		bump(0, .030, .065, vec{-.05, .05, -.20}),
		bump(.025, .072, .120, vec{.95, .85, .30}),
		bump(.070, .112, .156, vec{.0, -.25, .70}),
	},
	t: part{bump(.205, .300, .395, vec{.85, .75, -.75})}, // tall, narrow, even
	j: .156, qt: .395, wide: true,
}

var longRepolarisation = form{
	qrs: narrow.qrs,
	t:   part{bump(.300, .470, .600, vec{.26, .22, -.18})},
	j:   .092, qt: .600,
}

var ischaemic = form{
	qrs: narrow.qrs,
	st:  part{{.070, .096, .230, .390, vec{-.17, -.12, .06}}},
	t:   part{bump(.180, .315, .400, vec{.16, .12, -.06})},
	j:   .092, qt: .400,
}
