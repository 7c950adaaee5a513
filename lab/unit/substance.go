// Substance: what is known of an analyte beyond its unit.

package unit

import (
	"math/big"
	"strings"
)

// Substance is what makes the units of one analyte comparable. The zero Substance knows nothing: then only UCUM converts.
type Substance struct {
	Name    string // the LOINC component in small letters
	Formula string // its molar mass is added up from atomic weights
	Mass    string // g/mol, where there is no formula or convention has another mass
	Valence int    // charges per molecule, for equivalents; 0 where it is not used
	IU      string // what one international unit is by convention, such as "6.00 nmol"; empty where that depends on the assay
	Alike   bool   // U, [IU] and [arb'U] name the same unit for this analyte: laboratories write one for the other
	NGSP    bool   // % is NGSP and mmol/mol is IFCC (HbA1c)
}

// MolarMass is in g/mol, exact as its atomic weights; false where it is not known.
func (s Substance) MolarMass() (*big.Rat, bool) {
	if s.Mass != "" {
		m, ok := new(big.Rat).SetString(s.Mass)
		return m, ok && m.Sign() > 0
	}
	return massOf(s.Formula)
}

// charges is the valence, also of an ion that is known by its formula only: sodium of urine.
func (s Substance) charges() int {
	if s.Valence == 0 && s.Formula != "" {
		return valences[s.Formula]
	}
	return s.Valence
}

var valences = func() map[string]int {
	m := make(map[string]int)
	for _, e := range known {
		if e.Valence != 0 {
			m[e.Formula] = e.Valence
		}
	}
	return m
}()

// Find looks a substance up by LOINC component, English name or the usual abbreviation, in any case.
func Find(name string) (Substance, bool) {
	s, ok := byName[strings.ToLower(strings.TrimSpace(name))]
	return s, ok
}

var byName = names()

func names() map[string]Substance {
	m := make(map[string]Substance)
	for _, e := range known {
		m[e.Name] = e.Substance
		for other := range strings.SplitSeq(e.also, ",") {
			if other = strings.TrimSpace(other); other != "" {
				m[other] = e.Substance
			}
		}
	}
	return m
}

type entry struct {
	Substance
	also string // other names, separated by commas
}

func molecule(name, formula, also string) entry {
	return entry{Substance{Name: name, Formula: formula}, also}
}

func ion(name, formula string, valence int, also string) entry {
	return entry{Substance{Name: name, Formula: formula, Valence: valence}, also}
}

// alike are analytes measured in units of activity, whose names laboratories exchange.
func alike(name, also string) entry {
	return entry{Substance{Name: name, Alike: true}, also}
}

var known = []entry{
	// electrolytes
	ion("sodium", "Na", 1, "na"),
	ion("potassium", "K", 1, "k"),
	ion("chloride", "Cl", 1, "cl"),
	ion("bicarbonate", "CHO3", 1, "hco3,carbon dioxide,co2,tco2"),
	ion("lithium", "Li", 1, "li"),
	ion("calcium", "Ca", 2, "ca"),
	ion("calcium.ionized", "Ca", 2, "ica"),
	ion("magnesium", "Mg", 2, "mg"),
	molecule("phosphate", "P", "phosphorus,p,phos,ip"), // mass is of phosphorus
	// metabolites
	molecule("glucose", "C6H12O6", "glu,glucose^post cfst"),
	molecule("urea", "CH4N2O", "ure"),
	molecule("urea nitrogen", "N2", "bun"), // mass is of the nitrogen, moles are of urea
	molecule("creatinine", "C4H7N3O", "cre,crea,cr,scr"),
	molecule("urate", "C5H4N4O3", "uric acid,ua"),
	molecule("bilirubin", "C33H36N4O6", "tbil,total bilirubin"),
	molecule("bilirubin.glucuronidated+bilirubin.albumin bound", "C33H36N4O6", "dbil,bilirubin.direct,bilirubin.glucuronidated,direct bilirubin"),
	molecule("bilirubin.non-glucuronidated", "C33H36N4O6", "ibil,bilirubin.indirect,indirect bilirubin"),
	molecule("bile acid", "C24H40O5", "tba,bile acids"), // as cholic acid
	// of the anions of acids the mass is of the acid, as mg/dL is reported
	molecule("lactate", "C3H6O3", "lac"),
	molecule("pyruvate", "C3H4O3", "pyr"),
	molecule("beta hydroxybutyrate", "C4H8O3", "bhb,3-hydroxybutyrate"),
	molecule("ammonia", "H3N", "nh3,amm"),
	molecule("homocysteine", "C4H9NO2S", "hcy"),
	molecule("cystatin c", "", "cysc"),
	molecule("creatine", "C4H9N3O2", ""),
	molecule("phenylalanine", "C9H11NO2", "phe"),
	molecule("tyrosine", "C9H11NO3", "tyr"),
	molecule("oxalate", "C2H2O4", ""),
	molecule("citrate", "C6H8O7", ""),
	// lipids
	molecule("cholesterol", "C27H46O", "chol,tc"),
	molecule("cholesterol.in hdl", "C27H46O", "hdl,hdl-c"),
	molecule("cholesterol.in ldl", "C27H46O", "ldl,ldl-c"),
	molecule("cholesterol.non hdl", "C27H46O", "non-hdl-c"),
	molecule("triglyceride", "C57H104O6", "tg,trig"), // as triolein
	// metals
	molecule("iron", "Fe", "fe"),
	molecule("iron binding capacity", "Fe", "tibc"),
	molecule("iron binding capacity.unsaturated", "Fe", "uibc"),
	molecule("copper", "Cu", "cu"),
	molecule("zinc", "Zn", "zn"),
	molecule("lead", "Pb", "pb"),
	molecule("selenium", "Se", "se"),
	molecule("manganese", "Mn", "mn"),
	molecule("mercury", "Hg", "hg"),
	molecule("cadmium", "Cd", "cd"),
	molecule("arsenic", "As", "as"),
	molecule("aluminum", "Al", "al"),
	molecule("iodine", "I", "iodide"),
	// hormones
	molecule("thyroxine", "C15H11I4NO4", "t4,tt4"),
	molecule("thyroxine.free", "C15H11I4NO4", "ft4"),
	molecule("triiodothyronine", "C15H12I3NO4", "t3,tt3"),
	molecule("triiodothyronine.free", "C15H12I3NO4", "ft3"),
	molecule("cortisol", "C21H30O5", "cor"),
	molecule("testosterone", "C19H28O2", "testo"),
	molecule("estradiol", "C18H24O2", "e2"),
	molecule("estriol.unconjugated", "C18H24O3", "estriol,e3,ue3"),
	molecule("progesterone", "C21H30O2", "prog"),
	molecule("17-hydroxyprogesterone", "C21H30O3", "17-ohp"),
	molecule("androstenedione", "C19H26O2", "and"),
	molecule("dehydroepiandrosterone sulfate", "C19H28O5S", "dhea-s,dheas"),
	molecule("aldosterone", "C21H28O5", "ald"),
	molecule("epinephrine", "C9H13NO3", ""),
	molecule("norepinephrine", "C8H11NO3", ""),
	molecule("dopamine", "C8H11NO2", ""),
	molecule("metanephrine", "C10H15NO3", ""),
	molecule("normetanephrine", "C9H13NO3", ""),
	molecule("vanillylmandelate", "C9H10O5", "vma"),
	molecule("c peptide", "C129H211N35O48", "c-peptide,cp"),
	molecule("parathyrin.intact", "C408H674N126O126S2", "pth,parathyroid hormone"),
	molecule("corticotropin", "C207H308N56O58S", "acth"),
	molecule("natriuretic peptide b", "C143H244N50O42S4", "bnp"),
	{Substance{Name: "natriuretic peptide.b prohormone n-terminal", Mass: "8457"}, "ntbnp,nt-probnp"},
	{Substance{Name: "insulin", Formula: "C257H383N65O77S6", IU: "6.00 nmol", Alike: true}, "ins"}, // 1 mIU/L is 6.00 pmol/L
	// vitamins
	molecule("25-hydroxyvitamin d", "C27H44O2", "25-oh-d,25(oh)d,25-hydroxyvitamin d3,calcidiol,vitd"), // as D3
	molecule("calcitriol", "C27H44O3", "1,25-dihydroxyvitamin d"),
	molecule("cobalamins", "C63H88CoN14O14P", "vitamin b12,b12,vb12"),
	molecule("folate", "C19H19N7O6", "fol,fa"),
	molecule("retinol", "C20H30O", "vitamin a"),
	molecule("alpha tocopherol", "C29H50O2", "vitamin e"),
	molecule("ascorbate", "C6H8O6", "vitamin c"),
	molecule("pyridoxal phosphate", "C8H10NO6P", "vitamin b6"),
	// drugs
	molecule("digoxin", "C41H64O14", "dig"),
	molecule("theophylline", "C7H8N4O2", "theo"),
	molecule("phenytoin", "C15H12N2O2", ""),
	molecule("phenobarbital", "C12H12N2O3", ""),
	molecule("carbamazepine", "C15H12N2O", "cbz"),
	molecule("valproate", "C8H16O2", "vpa"),
	molecule("vancomycin", "C66H75Cl2N9O24", ""),
	molecule("methotrexate", "C20H22N8O5", "mtx"),
	molecule("cyclosporine", "C62H111N11O12", "csa"),
	molecule("tacrolimus", "C44H69NO12", "fk506"),
	molecule("acetaminophen", "C8H9NO2", "paracetamol"),
	molecule("salicylates", "C7H6O3", ""),
	molecule("ethanol", "C2H6O", "etoh"),
	// proteins
	{Substance{Name: "hemoglobin", Mass: "16114.5"}, "hgb,hb"}, // of one chain with its iron, as ICSH counts moles
	{Substance{Name: "albumin", Mass: "66438"}, "alb"},
	{Substance{Name: "hemoglobin a1c/hemoglobin.total", NGSP: true}, "hba1c,hemoglobin a1c,a1c"},
	{Substance{Name: "alpha-1-fetoprotein", IU: "1.21 ng", Alike: true}, "afp"}, // WHO 72/225
	// activities
	alike("alanine aminotransferase", "alt"),
	alike("aspartate aminotransferase", "ast"),
	alike("alkaline phosphatase", "alp"),
	alike("gamma glutamyl transferase", "ggt"),
	alike("lactate dehydrogenase", "ldh"),
	alike("creatine kinase", "ck"),
	alike("creatine kinase.mb", "ck-mb"),
	alike("amylase", "amy"),
	alike("lipase", "lip"),
	alike("cholinesterase", "che"),
	alike("adenosine deaminase", "ada"),
	alike("thyrotropin", "tsh"),
	alike("lutropin", "lh"),
	alike("follitropin", "fsh"),
	alike("choriogonadotropin", "hcg"),
	alike("prolactin", "prl"),
	alike("cancer ag 125", "ca125,ca-125"),
	alike("cancer ag 15-3", "ca153,ca15-3"),
	alike("cancer ag 19-9", "ca199,ca19-9"),
	alike("cancer ag 72-4", "ca724,ca72-4"),
	alike("thyroglobulin ab", "tgab"),
	alike("thyroperoxidase ab", "tpoab"),
	alike("rheumatoid factor", "rf"),
	alike("streptolysin o ab", "aso"),
	alike("ige", ""),
}
