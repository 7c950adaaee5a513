// What the catalogue of a laboratory says of tubes and of how long they keep.

package specimen

import (
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Catalogued gives opt the needs of items and the stability of analytes from the catalogue that counts for the laboratory. An item is a panel or
// an analyte by its code or LOINC code; what the catalogue does not know is ordered as the sender calls it.
func Catalogued(c *catalogue.Desk, opt Options) Options {
	pack := func(ctx context.Context, laboratory record.InstitutionID) *catalogue.Pack {
		p, err := c.For(ctx, laboratory) // an order is never refused for want of a catalogue
		if err != nil {
			return nil
		}
		return p
	}
	opt.Needs = func(ctx context.Context, laboratory record.InstitutionID, item observation.Coding) (Need, bool) {
		if p := pack(ctx, laboratory); p != nil {
			return needIn(p, item)
		}
		return Need{}, false
	}
	opt.Stability = func(ctx context.Context, laboratory record.InstitutionID) Keeps {
		p := pack(ctx, laboratory)
		if p == nil {
			return nil
		}
		return func(analyte, specimenType, temperature string) (time.Duration, bool) {
			return p.StableFor(analyte, specimenType, catalogue.Storage(temperature))
		}
	}
	return opt
}

func needIn(p *catalogue.Pack, item observation.Coding) (Need, bool) {
	loinc := item.In(observation.LOINC)
	for _, code := range append([]string{item.Code}, codes(item.Alternates)...) {
		if x, ok := p.Panel(code); ok {
			return needOfPanel(p, &x), true
		}
		if a, ok := p.Analyte(code); ok {
			return needOfAnalyte(p, &a), true
		}
	}
	if loinc == "" {
		return Need{}, false
	}
	for i := range p.Panels {
		if p.Panels[i].LOINC == loinc {
			return needOfPanel(p, &p.Panels[i]), true
		}
	}
	if found := p.ByLOINC(loinc); len(found) == 1 {
		return needOfAnalyte(p, &found[0]), true
	}
	return Need{}, false
}

func codes(all []observation.Coding) []string {
	out := make([]string, len(all))
	for i := range all {
		out[i] = all[i].Code
	}
	return out
}

func needOfPanel(p *catalogue.Pack, x *catalogue.Panel) Need {
	n := Need{Item: x.Code, Title: x.Name.ZH, Type: materialIn(p, x.Specimen), Container: tubeIn(p, x.Tube), Analytes: slices.Clone(x.Members)}
	if v := x.VolumeML.String(); v != "" && v != "0" {
		n.Volume = v + " mL"
	}
	n.Temperature = keptAt(p, x.Members, x.Specimen)
	return n
}

// needOfAnalyte orders one analyte in the tube of the first panel that has it.
func needOfAnalyte(p *catalogue.Pack, a *catalogue.Analyte) Need {
	for i := range p.Panels {
		if x := &p.Panels[i]; slices.Contains(x.Members, a.Code) {
			n := needOfPanel(p, x)
			n.Item, n.Title, n.Analytes, n.Temperature = a.Code, a.Name.ZH, []string{a.Code}, keptAt(p, []string{a.Code}, x.Specimen)
			return n
		}
	}
	n := Need{Item: a.Code, Title: a.Name.ZH, Analytes: []string{a.Code}, Temperature: ambient}
	if len(a.Specimens) > 0 {
		n.Type = materialIn(p, a.Specimens[0])
		n.Temperature = keptAt(p, n.Analytes, n.Type.Code)
	}
	return n
}

// keptAt is the cold where an analyte keeps in it, else the open room.
func keptAt(p *catalogue.Pack, analytes []string, material string) string {
	for _, a := range analytes {
		if _, ok := p.StableFor(a, material, catalogue.Fridge); ok {
			return string(catalogue.Fridge)
		}
	}
	return ambient
}

func materialIn(p *catalogue.Pack, code string) observation.Coding {
	for i := range p.Specimens {
		if p.Specimens[i].Code == code {
			return observation.Coding{Code: code, Text: p.Specimens[i].Name.ZH}
		}
	}
	return observation.Coding{Code: code}
}

func tubeIn(p *catalogue.Pack, code string) observation.Coding {
	for i := range p.Tubes {
		if p.Tubes[i].Code == code {
			return observation.Coding{Code: code, Text: p.Tubes[i].Name.ZH}
		}
	}
	return observation.Coding{Code: code}
}
