// Package critical holds the critical values of the electrocardiogram 心电危急值 and the clocks of chest pain as versioned data, and
// asks them of what the algorithms measured. Rules are decision support: an alarm makes a doctor look, and says what it rests on.
//
// # For administrators: how to write a pack
//
// A pack is one YAML file of at most 256 KB; default.yaml in this folder is the one that the program carries, with a comment at each
// rule. Parse refuses a pack with anything that it does not understand and says where. A pack has
//
//	pack, version, title   its name; the version changes with every change
//	sources                the standards that rules rest on: id, text in zh and en,
//	                       status (verified, secondary, recollection, local)
//	tiers                  how urgent, the most urgent first: id, name, respond_min
//	limits                 the numbers a county may change, each with unit, min and max
//	rules                  the critical values
//	clocks                 the targets of chest pain: from one moment to another within target_min
//
// The simplest way to adapt the default is to change only the value of a limit (or to keep the text and set values with Pack.With).
//
// A rule has id, version, from and to (days in China; to is the first day on which it no longer counts), name, tier, advice, source,
// and auto. With auto: false it is a button for the doctor, and its condition only lights the button up. disabled: true takes it out.
// Its condition when is one of
//
//	all: [conditions]                 every one holds
//	any: [conditions]                 one of them holds
//	not: condition                    it does not hold
//	finding: VT                       the algorithm found it (codes of package ecg/finding)
//	  with: {rate: ">= 150"}          and its evidence says so: rate (/min), atrial_rate, rr_ms, rr_min_ms,
//	                                  rr_max_ms, pr_ms, qrs_ms, qtc_ms, st_uv, t_uv, axis_deg, count, beats, seconds,
//	                                  leads (how many), rise_uv (growth of ST since the previous ECG)
//	  at_least: 3                     and there are so many of them
//	  new: true                       and the previous ECG did not have it (holds where there is no previous one)
//	measure: heart_rate               a measurement: heart_rate, atrial_rate, rr, rr_longest, rr_shortest, p, pr, qrs, qt,
//	  is: "<= 35"                     qtc_bazett, qtc_fridericia, p_axis, qrs_axis, t_axis, rv5, sv1, rv5_sv1
//	measure: st_j                     of single leads: st_j, st_j60, st_j80, p_, q_, r_, s_, t_amplitude (microvolts)
//	  leads: [II, III, aVF]
//	  at_least: 2                     in so many of these leads
//	  is: ">= 100"
//	patient: {age: ">= 18", sex: F}   of known age (years) and sex
//	recording: short                  an electrocardiogram; long: a Holter of half an hour or more
//
// A comparison is >=, >, <= or < and a number, or $ and the name of a limit; a list of comparisons must hold together:
// [">= 120", "< 150"]. What was not measured fulfils no comparison, so not: {measure: ...} holds for it: prefer a positive rule.
package critical
