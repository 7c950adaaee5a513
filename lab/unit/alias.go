// Aliases: our own table of what laboratories write.

package unit

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/ucum"
)

// written are whole units, by case, after folding. None of them is UCUM with another meaning.
var written = map[string]string{
	"M/uL": "10*6/uL", "M/ul": "10*6/uL", "M/mm3": "10*6/uL", "mM/L": "mmol/L", "uM/L": "umol/L",
	"nM": "nmol/L", "uM": "umol/L", "mM": "mmol/L", "pM": "pmol/L",
	"pg/cell": "pg", "fL/cell": "fL",
}

// anyCase are whole units in small letters, after folding.
var anyCase = map[string]string{
	"s/co": "{s_co_ratio}", "s/c.o": "{s_co_ratio}", "s/c": "{s_co_ratio}", "sco": "{s_co_ratio}", "s.co": "{s_co_ratio}",
	"coi": "{COI}", "c.o.i": "{COI}", "cutoffindex": "{COI}",
	"inr": "{INR}", "ratio": "{ratio}", "index": "{index_val}", "od": "{OD_unit}", "titer": "{titer}",
	"gm%": "g/dL", "gms%": "g/dL", "mmol%": "mmol/dL", "%vol": "%", "vol%": "%",
	"/hp": "/[HPF]", "hp": "/[HPF]", "/hpf": "/[HPF]", "hpf": "/[HPF]", "/lp": "/[LPF]", "lp": "/[LPF]", "/lpf": "/[LPF]", "lpf": "/[LPF]",
	"1/min": "/min", "bpm": "/min", "beats/min": "{beats}/min", "rpm": "/min",
	"mmhg": "mm[Hg]", "torr": "mm[Hg]", "cmh2o": "cm[H2O]", "mmh2o": "mm[H2O]",
	"degc": "Cel", "deg.c": "Cel", "celsius": "Cel", "degf": "[degF]",
	"lgiu/ml": "{Log_IU}/mL", "log10iu/ml": "{Log_IU}/mL", "logiu/ml": "{Log_IU}/mL", "lg(iu/ml)": "{Log_IU}/mL", "log(iu/ml)": "{Log_IU}/mL",
	"lgcopies/ml": "{Log_copies}/mL", "log10copies/ml": "{Log_copies}/mL", "logcopies/ml": "{Log_copies}/mL", "lg(copies/ml)": "{Log_copies}/mL",
	"giga/l": "10*9/L", "giga.l-1": "10*9/L", "tera/l": "10*12/L", "tera.l-1": "10*12/L", "gpt/l": "10*9/L", "tpt/l": "10*12/L",
	"/cumm": "/mm3", "cells/cumm": "{cells}/mm3", "/cmm": "/mm3",
	"mm/1h": "mm/h", "mm/hour": "mm/h", "mmpast1hour": "mm/h",
	"mosm/kgh2o": "mosm/kg", "mosmol/kgh2o": "mosm/kg", "mosm/(kg.h2o)": "mosm/kg", "mosm/kg.h2o": "mosm/kg", "mosmol/kg.h2o": "mosm/kg",
	"mg/g.cr": "mg/g{creat}", "mg/mmol.cr": "mg/mmol{creat}", "ug/g.cr": "ug/g{creat}", "mmol/mol.cr": "mmol/mol{creat}",
	"peiu/ml": "U{PEI}/mL", "iu/10*12rbc": "[IU]/10*12{RBCs}", "u/10*12rbc": "U/10*12{RBCs}", "u/gh": "U/g{Hb}",
}

// parts are parts of units in small letters: units in the wrong case, abbreviations, words.
var parts = partsOf(
	// in any case
	"g mg ug ng pg fg kg mol mmol umol nmol pmol fmol l:L dl:dL ml:mL ul:uL fl:fL pl:pL nl:nL cl:cL m cm mm um nm mm2 mm3 cm2 cm3 m2 "+
		"s ms min h d wk mo a u:U mu:mU ku:kU eq meq ueq osm mosm mmosm:mosm pa:Pa kpa:kPa kat ukat nkat bq:Bq kbq:kBq cel:Cel mpa.s:mPa.s % "+
		"v:V mv:mV uv:uV hz:Hz j:J kj:kJ cal kcal bar mbar 10* 1 k:10*3 ",
	// other spellings
	"gm:g gms:g gr:g gram:g grams:g mgm:mg mcg:ug mcmol:umol mcl:uL cc:mL lt:L ltr:L litre:L liter:L liters:L dlt:dL lambda:uL ",
	"mole:mol moles:mol mols:mol mmole:mmol mmoles:mmol mmols:mmol umole:umol nmole:nmol molar:mol/L mosmol:mosm mosmole:mosm osmol:osm mequiv:meq ",
	"sec:s secs:s second:s seconds:s minute:min minutes:min mins:min hr:h hrs:h hour:h hours:h 1h:h 1hr:h day:d days:d week:wk weeks:wk month:mo months:mo "+
		"year:a years:a yr:a yrs:a ",
	"cumm:mm3 cmm:mm3 sqm:m2 micron:um ",
	// international, enzyme and arbitrary units
	"iu:[IU] ui:[IU] miu:m[IU] uiu:u[IU] kiu:k[IU] niu:n[IU] mciu:u[IU] i.u:[IU] unit:U units:U munit:mU munits:mU eu:[EU] ru:{RU} au:[arb'U] arbu:[arb'U] "+
		"kau:10*3.[arb'U] bau:[BAU] gplu:[GPL'U] mplu:[MPL'U] aplu:[APL'U] gpl:[GPL'U] mpl:[MPL'U] apl:[APL'U] pfu:[PFU] cfu:[CFU] kua:k[IU] "+
		"kue:k[IU] ",
	// what is counted, and in what
	"copies:{copies} copy:{copies} cp:{copies} cps:{copies} cells:{cells} cell:{cells} events:{events} geq:{genome_equivalents} hpf:[HPF] hp:[HPF] "+
		"lpf:[LPF] lp:[LPF] whpf:[HPF] wbc:{WBCs} rbc:{RBCs} 100wbc:100{WBCs} 100wbcs:100{WBCs} ratio:{ratio} index:{index_val} ",
	"gcr:g{creat} gcre:g{creat} gcrea:g{creat} gcreat:g{creat} gcreatinine:g{creat} mmolcr:mmol{creat} mmolcre:mmol{creat} mmolcrea:mmol{creat} "+
		"mmolcreat:mmol{creat} molcr:mol{creat} mgcr:mg{creat} mgcre:mg{creat} ghb:g{Hb} ghgb:g{Hb} gprot:g{prot} mgprot:mg{prot} kgbw:kg ",
	"ppm:[ppm] ppb:[ppb] ppt:[pptr] ppth:[ppth] mmhg:mm[Hg] cmh2o:cm[H2O] kgh2o:kg ",
)

// partsOf reads "gm:g": what is written and its code, which is the same where it stands alone.
func partsOf(lists ...string) map[string]string {
	m := make(map[string]string)
	for _, list := range lists {
		for word := range strings.FieldsSeq(list) {
			sent, code, ok := strings.Cut(word, ":")
			if !ok {
				code = sent
			}
			m[strings.ToLower(sent)] = code
		}
	}
	return m
}

// partCode is the UCUM code of one part, without operators; empty where it is unknown.
func partCode(part string) string {
	small := strings.ToLower(part)
	code, ok := parts[small]
	switch {
	case ok && part == small:
		return code
	case ucum.Valid(part) && wrongPart(part) == "":
		return part
	case ok:
		return code
	}
	if n := len(small) - 1; n > 0 && small[n] >= '2' && small[n] <= '3' { // MM3
		if code, ok := parts[small[:n]]; ok && !strings.ContainsAny(code, "[{") {
			return code + small[n:]
		}
	}
	return ""
}
